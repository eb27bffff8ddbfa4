//! Asks and asks, one after the other or as many at once as it may, and looks at no answer.

use ringfence_sdk::model::Question;
use ringfence_sdk::prelude::*;

/// Spends all that there is.
#[skill]
fn attack_model_spends_without_end(at_once: usize, model: Model) -> Result<u64> {
    for round in 0.. {
        let questions = (0..at_once).map(|place| Question::of(format!("{round} {place}")));
        if model.complete_many(questions.collect()).iter().all(Result::is_err) {
            return Ok(round);
        }
    }
    Ok(0)
}
