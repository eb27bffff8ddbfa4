//! The guests and example skills as components, and a list of them that tests are held against.
//!
//! `foreach_attack!`, `foreach_friend!` and `foreach_skill!` call a macro with each name, so that a test file which
//! says `use self::$name as _` does not compile while a guest has no test.

pub mod bombs;

include!(concat!(env!("OUT_DIR"), "/built.rs"));

/// The component of a guest or an example skill, by its name with underscores.
///
/// # Panics
/// If there is none of that name.
#[must_use]
pub fn component(name: &str) -> Vec<u8> {
    let known = COMPONENTS.iter().find(|(known, _)| *known == name);
    let (_, path) = known.unwrap_or_else(|| panic!("there is no guest and no skill `{name}`"));
    std::fs::read(path).unwrap_or_else(|why| panic!("{path}: {why}"))
}

/// What generators made from seeds, with the seed of each: modules and components that no compiler would write.
/// `RINGFENCE_SEEDS=FIRST..END` asks for others than the usual ones.
///
/// # Panics
/// If they were removed since they were built.
pub fn generated() -> impl Iterator<Item = (u64, Vec<u8>)> {
    SEEDS.map(|seed| {
        let path = format!("{GENERATED}/{seed}");
        (seed, std::fs::read(&path).unwrap_or_else(|why| panic!("{path}: {why}")))
    })
}
