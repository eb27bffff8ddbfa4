//! Lesson one: a skill is a function. It asks for no power, so that it runs in every ring.

use ringfence_sdk::prelude::*;

/// Greets someone by name.
#[skill]
fn hello(name: String) -> Result<String> {
    Ok(format!("Hello, {name}!"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_greets_by_name() {
        assert_eq!(hello("Ada".into()).unwrap(), "Hello, Ada!");
    }

    #[test]
    fn the_whole_skill_takes_and_gives_json() {
        let output = <hello as Skill>::run(r#"{"name":"Ada"}"#, &Host::fake()).unwrap();
        assert_eq!(output, r#""Hello, Ada!""#);
    }
}
