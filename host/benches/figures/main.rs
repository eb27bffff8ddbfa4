//! The figures that docs/performance.md holds: `cargo bench`. Ratios come from one run, the two sides taken in turns;
//! what is printed is the median unless it says otherwise.

mod bare;
mod calls;
mod crowds;
mod durable;
mod errands;
mod grants;
mod kills;
mod process;
mod runs;
mod sample;
mod world;

use sample::Figure;

/// Measures some figures.
type Group = fn(&tokio::runtime::Runtime) -> Vec<Figure>;

fn main() {
    if crowds::is_child() {
        return;
    }
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let runtime = ringfence::machine::runtime().expect("a runtime");
    let groups: [(&str, Group); 8] = [
        ("runs", runs::measure),
        ("calls", calls::measure),
        ("errands", errands::measure),
        ("grants", grants::measure),
        ("kills", kills::measure),
        ("crowds", crowds::measure),
        ("durable", durable::measure),
        ("process", process::measure),
    ];
    println!("| figure | to reach | measured |\n|---|---|---|");
    for (name, measure) in groups {
        if name.contains(&only) {
            measure(&runtime).iter().for_each(|figure| println!("{figure}"));
        }
    }
}
