//! Asks for models that are named almost like the one that is granted, and says which of them answered.

use ringfence_sdk::model::Question;
use ringfence_sdk::prelude::*;

/// Asks each of these for an answer.
#[skill]
fn attack_model_near_miss_of_a_grant(models: Vec<String>, model: Model) -> Result<Vec<String>> {
    let answers =
        |name: &String| model.complete(Question { model: Some(name.clone()), ..Question::of("x") }).is_ok();
    Ok(models.into_iter().filter(answers).collect())
}
