//! Random bytes.

use serde::Serialize;

use super::{Call, Content, LocalCall};
use crate::capability::Capability;
use crate::gate::{Inputs, MAX_RANDOM_BYTES};
use crate::governance::Cost;
use crate::limit::{Amounts, Limit};
use crate::ring::Effect;

/// Some random bytes.
#[derive(Debug, Serialize)]
pub struct RandomBytes {
    /// How many; at most [`MAX_RANDOM_BYTES`].
    pub count: u32,
}

impl Call for RandomBytes {
    const CAPABILITY: Capability = Capability::Random;
    const NAME: &'static str = "random.bytes";
    const EFFECT: Effect = Effect::Local;
    type Answer = Content;

    fn check(&self) -> Result<(), String> {
        if self.count > MAX_RANDOM_BYTES {
            return Err(format!("{} random bytes at once; {MAX_RANDOM_BYTES} are allowed", self.count));
        }
        Ok(())
    }

    fn cost(&self) -> Cost {
        Cost { fixed: Amounts::NONE.with(Limit::BytesIn, self.count.into()), up_to: None }
    }

    fn used(&self, _: &Content) -> Amounts {
        self.cost().fixed
    }
}

impl LocalCall for RandomBytes {
    fn answer(&self, inputs: &mut Inputs, _: u64) -> Content {
        Content(inputs.random(self.count))
    }
}
