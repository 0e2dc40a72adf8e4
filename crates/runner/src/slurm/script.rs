//! The scripts that Slurm runs: plain `sh`, kept in the results folder for the user to read, and to submit
//! by hand.

use crate::command::SlurmArguments;
use anyhow::{Context, anyhow, bail};
use slicewise_experiment::replace;
use std::fs;
use std::path::{Path, PathBuf};

/// Seconds before the time limit at which a task is told to save, but at most a quarter of the limit.
const SECONDS_TO_SAVE: u64 = 120;

/// What the scripts say.
#[derive(Debug)]
pub(crate) struct Scripts<'a> {
    /// The name of the sweep's jobs.
    pub(crate) name: &'a str,
    /// The running program.
    pub(crate) program: &'a Path,
    /// The results folder, from the root.
    pub(crate) folder: &'a Path,
    /// The folder of preprocessed volumes, from the root.
    pub(crate) cache: &'a Path,
    /// Where the sweep was submitted: paths in the experiment are seen from there.
    pub(crate) here: &'a Path,
    /// CPU threads of a run.
    pub(crate) threads: usize,
    /// The command line.
    pub(crate) options: &'a SlurmArguments,
}

impl Scripts<'_> {
    /// Writes both scripts to the folder `slurm` of the results and returns their paths.
    ///
    /// # Errors
    /// A path or an option that no such script can name, or a file that cannot be written.
    pub(crate) fn write(&self) -> anyhow::Result<(PathBuf, PathBuf)> {
        let folder = self.folder.join("slurm");
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let (run, report) = (folder.join("run.sh"), folder.join("report.sh"));
        replace(&run, self.run()?.as_bytes())?;
        replace(&report, self.report()?.as_bytes())?;
        Ok((run, report))
    }

    /// Returns the script of a run. Its arguments are those of [`Array`](super::plan::Array): the offset and
    /// the fork.
    fn run(&self) -> anyhow::Result<String> {
        let seconds = self.seconds_to_save();
        let mut options = vec![
            ("job-name", self.name.to_owned()),
            ("output", self.log("%A_%a.log")?),
            ("cpus-per-task", self.threads.to_string()),
            ("signal", format!("B:USR1@{seconds}")),
        ];
        let gpus = self.options.gpus.map(|gpus| ("gpus", gpus.to_string()));
        options.extend(gpus);
        let head = self.head(options)?;
        let [program, folder, config, cache] = [
            self.program,
            self.folder,
            &self.folder.join("config.yaml"),
            self.cache,
        ]
        .map(shell);
        let (program, folder, config, cache) = (program?, folder?, config?, cache?);
        Ok(format!(
            r#"{head}#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --kill-on-invalid-dep=yes

# Does a run of the sweep: number SLURM_ARRAY_TASK_ID plus the first argument in
# `slicewise runs`, or, if the second is not 0, the one of that number among those that
# continue from it. `slicewise sweep --slurm` wrote this file and submits it.
run=$((SLURM_ARRAY_TASK_ID + ${{1:-0}})) fork=${{2:-0}}
task=${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID
echo "$task: run $run, fork $fork, start ${{SLURM_RESTART_COUNT:-0}} on ${{SLURMD_NODENAME:-?}}"

# Told to stop, the program saves at its next step and ends. Slurm tells this script so
# {seconds} seconds before the time limit (USR1) and when the job is taken away (TERM).
child=
stopped=
stop() {{
    stopped=yes again=yes
    [ -z "$child" ] || kill -TERM "$child" 2>/dev/null
}}
trap stop USR1 TERM INT

{program} run {config} \
    --out {folder} --cache {cache} --index "$run" --fork "$fork" &
child=$!
[ -z "$stopped" ] || stop
# A signal ends `wait` before the program has ended.
while :; do
    again=
    wait "$child"
    code=$?
    [ -n "$again" ] || break
done

# A task that still runs was told to stop but not cancelled: it goes on later from what it
# saved. It is named as a task, since the job's number may be that of the whole array.
if [ "$code" != 0 ] && [ -n "$stopped" ] && [ "$(squeue --noheader --job="$task" --format=%T)" = RUNNING ]; then
    scontrol requeue "$task" && sleep 60
fi
exit "$code"
"#
        ))
    }

    /// Returns the script that writes the report.
    fn report(&self) -> anyhow::Result<String> {
        let head = self.head(vec![
            ("job-name", report_name(self.name)),
            ("output", self.log("report-%j.log")?),
        ])?;
        let (program, folder) = (shell(self.program)?, shell(self.folder)?);
        Ok(format!("{head}\n{program} report {folder}\n"))
    }

    /// Returns the first lines of a script, with `options` and those that the command line has for
    /// every job.
    fn head(&self, mut options: Vec<(&str, String)>) -> anyhow::Result<String> {
        options.push(("chdir", text(self.here)?.to_owned()));
        let given = [
            ("partition", &self.options.partition),
            ("time", &self.options.time),
            ("mem", &self.options.mem),
        ];
        for (name, value) in given {
            options.extend(value.clone().map(|value| (name, value)));
        }
        let mut head = "#!/bin/sh\n".to_owned();
        for (name, value) in options {
            if value.contains(['"', '\\', '\n']) {
                bail!(
                    "--{name}: expected no quotation mark, backslash or line break, which Slurm takes \
                     from no script, got {value:?}"
                );
            }
            let plain =
                |letter: char| letter.is_ascii_alphanumeric() || "-_./:@%+,".contains(letter);
            head += &match value.chars().all(plain) {
                true => format!("#SBATCH --{name}={value}\n"),
                false => format!("#SBATCH --{name}=\"{value}\"\n"),
            };
        }
        if let Some(more) = &self.options.sbatch {
            if more.contains('\n') {
                bail!("--sbatch: expected options on one line, got {more:?}");
            }
            head += &format!("#SBATCH {more}\n");
        }
        Ok(head)
    }

    /// Returns the path of a log, in which Slurm replaces what `name` has after percent signs.
    fn log(&self, name: &str) -> anyhow::Result<String> {
        let folder = text(self.folder)?.replace('%', "%%");
        Ok(format!("{folder}/slurm/{name}"))
    }

    /// Returns how long before the time limit a task is told to save. sbatch says what is wrong with a
    /// limit.
    fn seconds_to_save(&self) -> u64 {
        let limit = self.options.time.as_deref().and_then(seconds);
        let quarter = limit.map_or(SECONDS_TO_SAVE, |limit| limit / 4);
        SECONDS_TO_SAVE.min(quarter).max(1)
    }
}

/// Returns the name of the job that reports.
pub(crate) fn report_name(name: &str) -> String {
    format!("{name}-report")
}

/// Reads a time limit as Slurm does; `None` if it is none, or words.
fn seconds(time: &str) -> Option<u64> {
    let (days, rest) = match time.split_once('-') {
        Some((days, rest)) => (Some(days.parse::<u64>().ok()?), rest),
        None => (None, time),
    };
    let parts: Option<Vec<u64>> = rest.split(':').map(|part| part.parse().ok()).collect();
    let parts = parts?;
    let clock = match (days.is_some(), &parts[..]) {
        (true, [hours]) => hours * 3600,
        (true, [hours, minutes]) => hours * 3600 + minutes * 60,
        (false, [minutes]) => minutes * 60,
        (false, [minutes, seconds]) => minutes * 60 + seconds,
        (_, [hours, minutes, seconds]) => hours * 3600 + minutes * 60 + seconds,
        _ => return None,
    };
    Some(days.unwrap_or(0) * 86_400 + clock).filter(|&seconds| seconds > 0)
}

/// Quotes a path for `sh`.
fn shell(path: &Path) -> anyhow::Result<String> {
    let path = text(path)?;
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./".contains(letter);
    Ok(match path.chars().all(plain) {
        true => path.to_owned(),
        false => format!("'{}'", path.replace('\'', r"'\''")),
    })
}

fn text(path: &Path) -> anyhow::Result<&str> {
    let text = path.to_str();
    text.ok_or_else(|| anyhow!("{}: expected a path in UTF-8", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scripts(options: &SlurmArguments) -> anyhow::Result<[String; 2]> {
        let scripts = Scripts {
            name: "slicewise-0123456789",
            program: Path::new("/opt/slicewise"),
            folder: Path::new("/data/it's 5%"),
            cache: Path::new("/data/cache"),
            here: Path::new("/home/anna/study 1"),
            threads: 2,
            options,
        };
        Ok([scripts.run()?, scripts.report()?])
    }

    #[test]
    fn scripts_say_all_that_was_asked_for() {
        let options = SlurmArguments {
            slurm: true,
            partition: Some("long".to_owned()),
            time: Some("5".to_owned()),
            mem: Some("8G".to_owned()),
            gpus: Some(1),
            limit: None,
            sbatch: Some("--account=lab --nice=7".to_owned()),
        };
        let [run, report] = scripts(&options).unwrap();
        let head = "\
#!/bin/sh
#SBATCH --job-name=slicewise-0123456789
#SBATCH --output=\"/data/it's 5%%/slurm/%A_%a.log\"
#SBATCH --cpus-per-task=2
#SBATCH --signal=B:USR1@75
#SBATCH --gpus=1
#SBATCH --chdir=\"/home/anna/study 1\"
#SBATCH --partition=long
#SBATCH --time=5
#SBATCH --mem=8G
#SBATCH --account=lab --nice=7
#SBATCH --requeue
";
        assert!(run.starts_with(head), "{run}");
        let command = r"
/opt/slicewise run '/data/it'\''s 5%/config.yaml' \
    --out '/data/it'\''s 5%' --cache /data/cache --index ";
        assert!(run.contains(command), "{run}");
        assert!(
            report.contains("-report\n") && !report.contains("gpus"),
            "{report}"
        );
        let last = report.lines().last().unwrap();
        assert_eq!(last, r"/opt/slicewise report '/data/it'\''s 5%'");

        let broken = SlurmArguments {
            partition: Some("a\nb".to_owned()),
            ..options
        };
        let message = scripts(&broken).unwrap_err().to_string();
        assert!(
            message.starts_with("--partition: expected no "),
            "{message}"
        );
    }

    #[test]
    fn time_limits_are_read_as_slurm_reads_them() {
        for (text, expected) in [
            ("30", Some(1800)),
            ("30:10", Some(1810)),
            ("1:00:00", Some(3600)),
            ("2-1", Some(176_400)),
            ("2-1:30", Some(178_200)),
            ("1-0:0:5", Some(86_405)),
            ("0", None),
            ("1h", None),
            ("1:2:3:4", None),
            ("", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }
}
