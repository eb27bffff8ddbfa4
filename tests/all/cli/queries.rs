//! What people, skills and files call things by is compared, and never read as a question to the store.

use super::{ADA, Operator};

/// Texts that mean more than they say to one language of queries or another.
const LOADED: [&str; 12] = [
    "%",
    "_",
    "*",
    "?",
    "t-%",
    "t-*",
    "hell_",
    "hel*",
    "hell[o]",
    "' OR '1'='1",
    "\"; DROP TABLE events; --",
    "x' UNION SELECT payload FROM events --",
];

#[test]
fn no_reference_and_no_filter_is_a_query() {
    let operator = Operator::new();
    operator.load("hello");
    operator.load("friend_hands_over");
    operator.does(&["run", "hello", "--input", ADA, "--session", "mine"]);
    let file = r#"{"files":[{"name":"a.txt","media_type":"text/plain","text":"done"}],"again":false}"#;
    let (run, _) = operator.json(&["run", "friend-hands-over", "--input", file]);
    let task = run["task"].as_str().unwrap();
    let all = || {
        let verbs = [&["tasks"][..], &["artifacts"], &["skills"], &["audit", "log"]];
        verbs.map(|verb| operator.json(verb).0)
    };
    let before = all();
    for text in LOADED {
        let of_task = format!("{task}/{text}");
        let of_any = format!("{text}/a.txt");
        let version = format!("hello@{text}");
        // A name of another form is refused, and one that could be a name is nobody's.
        let refused: [&[&str]; 13] = [
            &["tasks", "--session", text],
            &["artifacts", "--task", text],
            &["artifacts", "--skill", text],
            &["artifacts", "show", text],
            &["artifacts", "show", &of_task],
            &["artifacts", "show", &of_any],
            &["events", "--session", text],
            &["events", "--task", text],
            &["audit", "log", text],
            &["skills", text],
            &["skills", &version],
            &["kill", text],
            &["withdraw", &version],
        ];
        for arguments in refused {
            let said = operator.say(arguments);
            assert_eq!(said.code, Some(2), "{arguments:?}: {}{}", said.out, said.err);
            assert_eq!(said.out, "", "{arguments:?}");
        }
        assert_eq!(operator.does(&["events", "--kind", text]), "", "{text}");
    }
    assert_eq!(all(), before, "nothing was changed");
    operator.does(&["audit", "verify"]);
}
