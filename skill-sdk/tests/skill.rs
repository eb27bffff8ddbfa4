//! What `#[skill]` and `#[data]` make: names, descriptions, schemas, and JSON in and out.

use ringfence_sdk::prelude::*;

/// Somebody to greet.
#[data]
pub struct Person {
    /// How they are called.
    pub name: String,
    /// In years.
    pub age: Option<u8>,
}

/// Greets someone
/// by name.
///
/// Politely.
#[skill]
fn greet_person(person: Person, log: Log, violations: Violations) -> Result<String> {
    log.info(format_args!("{} violations", violations.len()));
    Ok(format!("Hello, {}!", person.name))
}

/// Adds numbers.
#[skill]
fn add(numbers: Vec<i64>) -> Result<i64> {
    numbers.iter().try_fold(0_i64, |sum, number| sum.checked_add(*number)).ok_or(Failure::stop("too large"))
}

/// Greets whoever is there.
#[skill]
fn welcome(name: Option<String>) -> Result<Option<String>> {
    Ok(name)
}

/// Tells the time, in seconds.
#[skill]
fn time(_: (), clock: Clock) -> Result<u64> {
    Ok(clock.now().as_secs())
}

/// Does nothing.
#[skill]
fn nothing() -> Result<()> {
    Ok(())
}

/// Wraps people.
#[skill]
fn names(people: Vec<Person>) -> Result<Vec<String>> {
    Ok(people.into_iter().map(|person| person.name).collect())
}

fn run<S: Skill>(input: &str) -> Result<String> {
    S::run(input, &Host::fake())
}

fn schema(text: &str) -> serde_json::Value {
    serde_json::from_str(text).expect("a schema is JSON")
}

#[test]
fn name_description_and_version_come_from_the_source() {
    let contract = greet_person::contract();
    assert_eq!(contract.name, "greet-person");
    assert_eq!(contract.description, "Greets someone by name.\nPolitely.");
    assert_eq!(contract.version, env!("CARGO_PKG_VERSION"));
}

#[test]
fn a_data_type_is_the_input_object_and_refuses_what_it_does_not_know() {
    let input = schema(&greet_person::contract().input_schema);
    assert_eq!(input["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(input["type"], "object");
    assert_eq!(input["properties"]["name"]["description"], "How they are called.");
    assert_eq!(input["additionalProperties"], false);
    assert_eq!(run::<greet_person>(r#"{"name":"Ada"}"#).unwrap(), r#""Hello, Ada!""#);
    assert!(run::<greet_person>(r#"{"name":"Ada","title":"Dr"}"#).is_err());
}

#[test]
fn anything_else_is_wrapped_under_the_arguments_name() {
    let input = schema(&add::contract().input_schema);
    assert_eq!(input["required"], serde_json::json!(["numbers"]));
    assert_eq!(input["properties"]["numbers"]["type"], "array");
    assert_eq!(input["additionalProperties"], false);
    assert_eq!(run::<add>(r#"{"numbers":[1,2]}"#).unwrap(), "3");
    for wrong in [
        "[1,2]",
        "{}",
        r#"{"numbers":[1],"more":1}"#,
        r#"{"numbers":[1],"numbers":[2]}"#,
        r#"{"numbers":[]} x"#,
    ] {
        assert!(matches!(run::<add>(wrong), Err(Failure::Stop(_))), "{wrong}");
    }
}

#[test]
fn a_wrapped_type_brings_its_definitions_along() {
    let input = schema(&names::contract().input_schema);
    assert_eq!(input["properties"]["people"]["items"]["$ref"], "#/$defs/Person");
    assert_eq!(input["$defs"]["Person"]["type"], "object");
    assert_eq!(run::<names>(r#"{"people":[{"name":"Ada"}]}"#).unwrap(), r#"["Ada"]"#);
}

#[test]
fn an_optional_argument_may_be_missing() {
    assert_eq!(schema(&welcome::contract().input_schema).get("required"), None);
    assert_eq!(run::<welcome>("{}").unwrap(), "null");
    assert_eq!(run::<welcome>(r#"{"name":"Ada"}"#).unwrap(), r#""Ada""#);
}

#[test]
fn a_skill_without_input_takes_an_empty_object() {
    assert_eq!(run::<nothing>("{}").unwrap(), "null");
    assert!(run::<nothing>(r#"{"a":1}"#).is_err());
    assert_eq!(schema(&time::contract().input_schema)["additionalProperties"], false);
    let mut host = Host::fake();
    host.clock = Clock::fake(std::time::Duration::from_secs(7));
    assert_eq!(<time as Skill>::run("{}", &host).unwrap(), "7");
}

#[test]
fn the_powers_of_a_run_are_the_hosts() {
    let mut host = Host::fake();
    host.violations = vec![Violation::new("/name", "pattern", "no")].into();
    <greet_person as Skill>::run(r#"{"name":"Ada"}"#, &host).unwrap();
    assert_eq!(host.log.lines(), [(log::Level::Info, "1 violations".to_owned())]);
}
