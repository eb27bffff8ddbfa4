//! Makes the calls that it is told to make, and says what came of each.

use ringfence_sdk::prelude::*;
use ringfence_sdk::tool::Part;

/// A call.
#[data]
pub struct Ask {
    tool: String,
    arguments: String,
}

/// Lists what there is and calls what it is told.
#[skill]
fn friend_calls_tools(asked: Vec<Ask>, tool: Tool) -> Result<Vec<String>> {
    let mut said: Vec<String> = match tool.list() {
        Ok(tools) => tools.into_iter().map(|tool| tool.name).collect(),
        Err(error) => vec![format!("{error:?}")],
    };
    for ask in asked {
        said.push(match tool.call_text(&ask.tool, &ask.arguments) {
            Ok(answer) => {
                let others = answer.content.iter().filter(|part| matches!(part, Part::Other(_))).count();
                let failed = if answer.is_error { "failed: " } else { "" };
                let structured = answer.structured.as_deref().unwrap_or("");
                format!("{failed}{} +{others} {structured}", answer.text())
            }
            Err(error) => format!("{error:?}"),
        });
    }
    Ok(said)
}
