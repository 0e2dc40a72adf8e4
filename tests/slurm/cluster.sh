#!/bin/sh
# A Slurm of two nodes on this machine, for tests/slurm.rs: cluster.sh DIR [PORT PORT PORT]
# It does what the lines on its standard input say, answers each with a line, and ends with all of its
# daemons and jobs when its input does, also when whoever writes it was killed. By hand: type lines,
# use it with SLURM_CONF=DIR/slurm.conf, end it with Ctrl-D.
#   start n1    start a node
#   kill n1     kill a node with all that runs on it, as a power cut would
set -u
PATH=$PATH:/usr/sbin:/sbin
folder=$1
controller=${2:-16817} first=${3:-16818} second=${4:-16819}
conf=$folder/slurm.conf

mkdir -p "$folder/state" "$folder/n1" "$folder/n2"
head -c 128 /dev/urandom >"$folder/munge.key"
chmod 400 "$folder/munge.key"
# cred_expire is also how long a requeued job waits; 120 seconds by default.
cat >"$conf" <<CONF
ClusterName=slicewise
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=$controller
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$folder/munge.socket,cred_expire=5
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/%n.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1,default_queue_depth=1000
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=10
MaxJobCount=20000
# Smaller than the default of 1001, so that a sweep of 2,000 runs is split.
MaxArraySize=301
NodeName=n1 NodeHostname=localhost NodeAddr=127.0.0.1 Port=$first CPUs=2
NodeName=n2 NodeHostname=localhost NodeAddr=127.0.0.1 Port=$second CPUs=2
PartitionName=main Nodes=n[1-2] Default=YES MaxTime=INFINITE State=UP
CONF

# Kills whoever has a file of that name open, which is daemons and what they start, and then the jobs, which
# have a setting in their environment; again while there are more.
end() { # end FILES SETTING
    while doomed=$(
        {
            find /proc/[0-9]*/fd -lname "$1" 2>/dev/null
            grep -slzxF -e "SLURM_CONF=$conf" /proc/[0-9]*/environ | xargs -r grep -slzxF -e "$2"
        } | cut -d / -f 3 | grep .
    ); do
        kill -9 $doomed 2>/dev/null
    done
}
trap 'end "$folder/*" "SLURM_CONF=$conf"' EXIT
trap 'exit 1' HUP INT TERM

munged --foreground --force --num-threads=2 --key-file="$folder/munge.key" --socket="$folder/munge.socket" \
    --pid-file="$folder/munged.pid" --log-file="$folder/munged.log" --seed-file="$folder/munged.seed" \
    </dev/null >"$folder/munged.out" 2>&1 &
SLURM_CONF=$conf slurmctld -D -c </dev/null >"$folder/slurmctld.out" 2>&1 &
while read -r word node; do
    case $word in
    start) SLURM_CONF=$conf slurmd -D -N "$node" </dev/null >"$folder/$node.out" 2>&1 & ;;
    kill) end "$folder/$node.log" "SLURMD_NODENAME=$node" ;;
    esac
    echo "$word $node"
done
