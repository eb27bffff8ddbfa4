//! What each hostile guest is told that does its worst only with an input.

use serde_json::{Value, json};

/// Longer than any task may take, in nanoseconds.
const FOR_EVER: u64 = 3_600_000_000_000;

/// The inputs of a guest, by its name, as JSON; an empty object where it needs none. `url` is that of the server that it is
/// granted, and `port` its port.
pub(crate) fn of(guest: &str, url: &str, port: u16) -> Vec<String> {
    let told = many(guest, url, port).unwrap_or_else(|| vec![one(guest, url, port)]);
    told.iter().map(Value::to_string).collect()
}

/// The inputs of a guest that has more than one way.
fn many(guest: &str, url: &str, port: u16) -> Option<Vec<Value>> {
    Some(match guest {
        "attack_context_floods" => [true, false].map(|list| json!({ "list": list })).into(),
        "attack_http_waits_for_ever" => vec![json!({ "url": format!("{url}silent") })],
        "attack_http_reaches_inward_by_name" => {
            let names = ["", "inward/"].map(|path| format!("http://localhost:{port}/{path}x"));
            vec![json!({ "urls": names })]
        }
        // What judges it is the guest.
        "attack_judges_badly" => ["spins", "traps", "gives up", "retries", "floods", "is slow", "lies"]
            .map(|how| json!({ "first": { "how": how }, "then": { "how": how } }))
            .into(),
        "attack_output_draws_on_the_terminal" => [true, false].map(|fail| json!({ "fail": fail })).into(),
        "attack_output_floods" => vec![json!(100_000), json!(10_000_000)],
        "attack_output_is_no_json" => ["{", "5000:[", r#"1:{"a":1,"a":2}"#].map(Value::from).into(),
        "attack_skills_asks_a_crowd" => [16, 17].map(|many| json!({ "many": many })).into(),
        "attack_skills_multiplies_strings" => vec![json!(1), json!(2), json!(3)],
        "attack_wasi_random_asks_for_a_terabyte" => {
            [true, false].map(|secure| json!({ "secure": secure })).into()
        }
        _ => return None,
    })
}

fn one(guest: &str, url: &str, port: u16) -> Value {
    let input = |value: Value| value.to_string();
    match guest {
        "attack_artifacts_floods" => json!({ "bytes": 1_000_000 }),
        "attack_clock_sleeps" | "attack_wasi_sleeps" => json!({ "nanoseconds": FOR_EVER }),
        "attack_context_reads_what_was_not_given" => json!({ "others": ["task/x", "task:x"] }),
        "attack_files_changes_for_good" => {
            json!({ "steps": ["read notes/a.md", "write outbox/a", "delete outbox/a", "set plan", "get plan"] })
        }
        "attack_files_keeps_what_was_revoked" => json!({ "path": "notes/a.md", "rounds": 1_000, "after": 3 }),
        "attack_files_races_a_link" => json!({ "times": 300 }),
        "attack_handles_flood" => json!({ "many": 1_000_000 }),
        "attack_http_asks_for_its_own_secrets" => json!({ "urls": [url, format!("{url}away")] }),
        "attack_http_carries_data_out" | "attack_http_changes_for_good" | "attack_http_smuggles" => {
            json!({ "base": url.trim_end_matches('/') })
        }
        "attack_http_changes_what_was_approved" => json!({ "url": format!("{url}pay/x") }),
        "attack_http_is_led_astray" => {
            json!({ "urls": [format!("{url}away"), format!("{url}round")] })
        }
        "attack_http_near_miss_of_a_grant" | "attack_http_spells_addresses" => json!({ "port": port }),
        "attack_http_spends_an_approval_twice" => {
            json!({ "url": format!("{url}pay/x"), "bodies": ["1", "2", "1"] })
        }
        "attack_http_swallows_what_it_is_fed" => {
            json!({ "urls": [format!("{url}broken"), format!("{url}endless")] })
        }
        "attack_judges_with_a_power" => json!({ "output": "x", "input": "y" }),
        "attack_log_writes_one_huge_line" => json!({ "bytes": 30_000_000 }),
        "attack_memory_fills_up" => json!({ "bytes": 400_000 }),
        "attack_model_near_miss_of_a_grant" => {
            json!({ "models": ["Small", "small ", "sm\u{430}ll", "smal", "here/small", "", "small2"] })
        }
        "attack_model_spends_without_end" => json!({ "at_once": 8 }),
        "attack_output_lies" => json!({ "turns": 200_000 }),
        "attack_polls_four_million_handles" => json!({ "handles": 4_000_000 }),
        "attack_skill_claims_a_ring" => {
            json!({ "ring": 0, "approved": true, "caller": "operator", "grant": "/etc/mine" })
        }
        "attack_skills_borrows_a_grant" => json!({ "note": "a" }),
        "attack_skills_takes_every_sandbox" => {
            let sleeps = input(json!({ "nanoseconds": FOR_EVER }));
            json!({ "skill": "attack-clock-sleeps", "input": sleeps, "many": 16 })
        }
        "attack_skills_tries_what_it_was_told" => {
            let folder = input(json!({ "folder": "notes" }));
            json!({ "skill": "friend-uses-every-power", "input": folder })
        }
        "attack_tool_swallows_what_it_is_fed" => json!({ "times": 20 }),
        _ => json!({}),
    }
}
