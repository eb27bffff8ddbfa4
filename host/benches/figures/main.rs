//! The figures that docs/performance.md holds: `cargo bench`. Ratios come from one run, the two sides taken in turns;
//! what is printed is the median unless it says otherwise.

mod approvals;
mod bare;
mod calls;
mod clients;
mod crowds;
mod durable;
mod errands;
mod grants;
mod hostile;
mod inputs;
mod kills;
mod lures;
mod models;
mod plain;
mod process;
mod runs;
mod sample;
mod scale;
mod tools;
mod world;

use sample::Figure;

/// Measures some figures.
type Group = fn(&tokio::runtime::Runtime) -> Vec<Figure>;

fn main() {
    if crowds::is_child() || tools::is_child() || clients::is_child() {
        return;
    }
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let runtime = ringfence::machine::runtime().expect("a runtime");
    let groups: [(&str, Group); 14] = [
        ("runs", runs::measure),
        ("calls", calls::measure),
        ("errands", errands::measure),
        ("grants", grants::measure),
        ("kills", kills::measure),
        ("models", models::measure),
        ("tools", tools::measure),
        ("clients", clients::measure),
        ("approvals", approvals::measure),
        ("crowds", crowds::measure),
        ("hostile", hostile::measure),
        ("durable", durable::measure),
        ("process", process::measure),
        ("scale", scale::measure),
    ];
    println!("| figure | to reach | measured |\n|---|---|---|");
    for (name, measure) in groups {
        // A million tasks take minutes and gigabytes: only for who asks for them.
        let is_asked = if only.is_empty() { name != "scale" } else { name.contains(&only) };
        if is_asked {
            measure(&runtime).iter().for_each(|figure| println!("{figure}"));
        }
    }
}
