//! Writes the report of a made-up sweep, to look at its figures and page without training:
//! `cargo run --release -p slicewise-report --example sample_report OUT [SEEDS [heads|many]]`; with
//! `heads`, a sweep of models with full annotation only, with `many`, of thirty strategies.

#[path = "../tests/sample/mod.rs"]
mod sample;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let out = arguments.next().ok_or("usage: sample_report OUT [SEEDS [heads|many]]")?;
    let seeds: u64 = arguments.next().map_or(Ok(3), |seeds| seeds.parse())?;
    let seeds: Vec<u64> = (0..seeds).collect();
    let results = match arguments.next().as_deref() {
        Some("heads") => sample::heads(&seeds),
        Some("many") => sample::many(&seeds, 30),
        _ => sample::sweep(&seeds),
    };
    for file in slicewise_report::write_results(&results, out.as_ref())? {
        println!("{}", file.display());
    }
    Ok(())
}
