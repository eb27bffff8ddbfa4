//! Which changes of a schema keep its promises, in both directions.

use serde_json::{Value, json};

use super::{Side, of_schemas};

fn found(side: Side, older: &Value, newer: &Value) -> Vec<String> {
    of_schemas(side, older, newer).iter().map(ToString::to_string).collect()
}

/// Whether the first, as older one, is kept by the second: as an input and as an output.
fn kept(older: &Value, newer: &Value) -> (bool, bool) {
    (found(Side::Input, older, newer).is_empty(), found(Side::Output, older, newer).is_empty())
}

fn object(properties: &Value, required: &[&str]) -> Value {
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

#[test]
fn a_looser_schema_may_be_taken_and_may_not_be_given() {
    let text = json!({"type": "string"});
    let cases = [
        (text.clone(), json!({})),
        (text.clone(), json!(true)),
        (text.clone(), json!({"type": ["string", "null"]})),
        (text.clone(), json!({"anyOf": [{"type": "string"}, {"type": "null"}]})),
        (json!({"type": "integer"}), json!({"type": "number"})),
        (json!({"enum": ["a"]}), json!({"enum": ["a", "b"]})),
        (json!({"const": "a"}), json!({"enum": ["a", "b"]})),
        (json!({"enum": ["a", 1]}), json!({"type": ["string", "integer"]})),
        (json!({"minimum": 2}), json!({"minimum": 1})),
        (json!({"exclusiveMinimum": 1}), json!({"minimum": 1})),
        (json!({"maximum": 9_007_199_254_740_992_u64}), json!({"maximum": 9_007_199_254_740_993_u64})),
        (json!({"maxLength": 5}), json!({"maxLength": 6})),
        (json!({"minItems": 1}), json!({"minItems": 0})),
        (json!({"pattern": "^a"}), json!({})),
        (json!({"uniqueItems": true}), json!({"uniqueItems": false})),
        (json!({"type": "array", "items": text}), json!({"type": "array", "items": {}})),
        (object(&json!({"a": text}), &["a"]), object(&json!({"a": text}), &[])),
        (object(&json!({"a": text}), &["a"]), object(&json!({"a": text, "b": text}), &["a"])),
        (object(&json!({}), &[]), json!({"type": "object"})),
        (json!({"allOf": [{"minimum": 3}, {"type": "integer"}]}), json!({"type": "integer"})),
        (json!({"not": {"type": "null"}}), json!({})),
        (json!({"patternProperties": {"^x": text}}), json!({"patternProperties": {"^x": {}}})),
        (json!(false), text.clone()),
    ];
    for (narrow, wide) in cases {
        assert_eq!(kept(&narrow, &wide), (true, false), "{narrow} becomes {wide}");
        assert_eq!(kept(&wide, &narrow), (false, true), "{wide} becomes {narrow}");
    }
}

#[test]
fn another_spelling_of_the_same_is_kept_both_ways() {
    let cases = [
        (json!({"type": "string", "title": "a"}), json!({"type": "string", "description": "b"})),
        (json!({"$ref": "#/$defs/t", "$defs": {"t": {"type": "string"}}}), json!({"type": "string"})),
        (json!({"type": "string"}), json!({"allOf": [{"type": "string"}]})),
        (json!({"const": "a"}), json!({"enum": ["a"]})),
        (
            json!({"type": "string", "enum": ["a", "b"]}),
            json!({"oneOf": [{"const": "a", "description": "first"}, {"const": "b"}]}),
        ),
        (json!({"type": ["string", "null"]}), json!({"anyOf": [{"type": "null"}, {"type": "string"}]})),
        (json!({"not": {"type": "null"}, "title": "a"}), json!({"not": {"type": "null"}})),
        (json!({"minimum": 5, "type": "string"}), json!({"type": "string"})),
    ];
    for (one, other) in cases {
        assert_eq!(kept(&one, &other), (true, true), "{one} and {other}");
        assert_eq!(kept(&other, &one), (true, true), "{other} and {one}");
    }
}

#[test]
fn what_is_not_understood_is_kept_by_the_same_alone() {
    let meant = |what: &str| json!({"not": {"$ref": "#/$defs/t"}, "$defs": {"t": {"type": what}}});
    let cases = [
        (json!({"not": {"type": "null"}}), json!({"not": {"type": "string"}})),
        (json!({"contains": {"type": "null"}}), json!({"contains": {"type": "null"}, "minContains": 0})),
        (json!({"if": {"minimum": 1}, "then": {"maximum": 2}}), json!({"then": {"maximum": 2}})),
        (json!({"x-unit": "cm"}), json!({"x-unit": "inch"})),
        (json!({"pattern": "^a+$"}), json!({"pattern": "^a*$"})),
        (json!({"prefixItems": [{}], "items": false}), json!({"prefixItems": [{}, {}], "items": false})),
        (
            json!({"unevaluatedProperties": false, "properties": {"a": {}}}),
            json!({"unevaluatedProperties": false}),
        ),
        (json!({"$anchor": "a", "type": "string"}), json!({"$anchor": "a", "type": "string", "title": "b"})),
        (meant("null"), meant("string")),
        (json!({"minimum": 1e300}), json!({"minimum": 1.1e300})),
    ];
    for (one, other) in cases {
        assert_ne!(kept(&one, &other), (true, true), "{one} becomes {other}");
        let said = [found(Side::Input, &one, &other), found(Side::Output, &one, &other)].concat();
        assert!(!said.is_empty());
    }
}

#[test]
fn each_difference_names_its_path() {
    let line = |fields: &Value, required: &[&str]| {
        json!({"type": "object", "properties": {"lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}}},
            "$defs": {"Line": object(fields, required)}})
    };
    let text = json!({"type": "string"});
    let older = line(&json!({"amount": {"type": "integer"}, "note": text}), &["amount", "note"]);
    let newer = line(&json!({"amount": {"type": "number"}, "note": text, "extra": text}), &["note"]);
    let mut output = found(Side::Output, &older, &newer);
    output.sort();
    let at = "output /properties/lines/items/properties";
    let expected = [
        format!("{at}/amount: may be number with a fraction now, was not before"),
        format!("{at}/amount: was required, is not any more"),
        format!("{at}/extra: is given now, and was not before"),
    ];
    assert_eq!(output, expected);
    let at = "input /properties/lines/items/properties";
    let input = found(Side::Input, &newer, &older);
    assert!(input.contains(&format!("{at}/amount: is required, was not")), "{input:?}");
    assert!(input.contains(&format!("{at}/extra: is not taken any more")), "{input:?}");
}

#[test]
fn an_optional_input_that_nobody_spoke_of_may_be_described_and_a_spoken_promise_not_broken() {
    let open = json!({"type": "object"});
    let described = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    assert_eq!(kept(&open, &described), (true, true));
    let promised = json!({"type": "object", "additionalProperties": true});
    assert_eq!(found(Side::Input, &promised, &described).len(), 1);
    assert_eq!(
        found(Side::Output, &described, &open),
        ["output /properties/a: was described, is not any more"]
    );
    let needed = json!({"type": "object", "required": ["a"]});
    assert_eq!(found(Side::Input, &needed, &json!({"properties": {"a": {"type": "string"}}})).len(), 1);
}

#[test]
fn one_of_grows_only_by_what_meets_nothing_that_was_there() {
    let tagged = |tags: &[&str]| {
        let one = |tag: &&str| object(&json!({"kind": {"const": tag}}), &["kind"]);
        json!({"oneOf": tags.iter().map(one).collect::<Vec<_>>()})
    };
    assert_eq!(kept(&tagged(&["a", "b"]), &tagged(&["a", "b", "c"])), (true, false));
    let one = json!({"oneOf": [{"type": "string"}]});
    let meets = json!({"oneOf": [{"type": "string"}, {"minLength": 2}]});
    assert_eq!(kept(&one, &meets), (false, false));
    let outside = |name: &str| object(&json!({name: {"type": "string"}}), &[name]);
    let (one, two) = (json!({"oneOf": [outside("A")]}), json!({"oneOf": [outside("A"), outside("B")]}));
    assert_eq!(kept(&one, &two), (true, false));
    let numbers = [json!({"oneOf": [{"const": 1}]}), json!({"oneOf": [{"const": 1}, {"const": 1.0}]})];
    assert!(!kept(&numbers[0], &numbers[1]).0, "1 and 1.0 are one number");
}

#[test]
fn recursive_types_are_compared_and_a_change_inside_is_found() {
    let tree = |leaf: &str, title: &str| {
        json!({"title": title, "type": "object", "properties": {
            "leaf": {"type": leaf}, "kids": {"type": "array", "items": {"$ref": "#"}}}, "required": ["leaf"]})
    };
    assert_eq!(kept(&tree("string", "a"), &tree("string", "b")), (true, true));
    assert_eq!(kept(&tree("integer", "a"), &tree("number", "b")), (true, false));
    let endless = json!({"anyOf": [{"$ref": "#"}]});
    assert_eq!(kept(&json!({"type": "string"}), &endless), (false, false), "nothing is proved by itself");
}

#[test]
fn hostile_schemas_end_soon_and_are_not_compatible() {
    let fan = |last: &str| {
        let mut definitions = serde_json::Map::new();
        for level in 0..32 {
            let next = json!({"$ref": format!("#/$defs/d{}", level + 1)});
            definitions
                .insert(format!("d{level}"), json!({"anyOf": [{"items": next}, {"items": next, "x": 1}]}));
        }
        definitions.insert("d32".into(), json!({"type": last}));
        json!({"$ref": "#/$defs/d0", "$defs": definitions})
    };
    let wide = |key: &str, more: i32| {
        let any = |n: i32| json!({"enum": [n, n + more], key: [{"minimum": n}, {"maximum": n}]});
        json!({"allOf": (0..200).map(any).collect::<Vec<_>>()})
    };
    // Compatible as an input, if anybody went down that far.
    let mut deep = [json!({"type": "integer"}), json!({"type": "number"})];
    for _ in 0..90 {
        deep = deep.map(|inner| json!({"items": inner}));
    }
    let tags = |last: i32| {
        let one = |n: i32| {
            json!({"required": (0..40).map(|k| format!("k{k}")).collect::<Vec<_>>(), "type": "object",
            "properties": {"k0": {"minimum": n}}})
        };
        json!({"oneOf": (0..last).map(one).collect::<Vec<_>>()})
    };
    let pairs = [
        (fan("string"), fan("null")),
        (wide("anyOf", 1), wide("anyOf", 2)),
        (wide("oneOf", 1), wide("anyOf", 1)),
        (deep[0].clone(), deep[1].clone()),
        (tags(40), tags(41)),
    ];
    for (one, other) in pairs {
        assert_eq!(
            kept(&one, &other),
            (false, false),
            "{}",
            &one.to_string()[..200.min(one.to_string().len())]
        );
    }
}
