//! Several errands of a skill at once: decided and reserved in their order before any of them starts.

use futures::future::join_all;

use super::call::skills::{SkillsAnswer, SkillsRun};
use super::{Gate, Opened, Permit, Stop};
use crate::limit::Limit;
use crate::refusal::Refusal;

/// What one errand has come to before any has started.
enum Ready {
    Go(Permit<SkillsRun>),
    Known(Result<SkillsAnswer, Refusal>),
}

impl Gate {
    /// Runs other skills, and takes the fuel that they used from the attempt's own.
    ///
    /// # Errors
    /// [`Stop::Trap`] alone; what a single one is refused stands in its place.
    pub async fn run_skills(
        &mut self,
        asked: Vec<(String, String)>,
    ) -> Result<Vec<Result<String, Refusal>>, Stop> {
        let most = u32::try_from(asked.len()).unwrap_or(u32::MAX);
        let (mut fuel_left, mut memory_left) = (self.fuel_left(), self.memory_left());
        let mut corrections_left = u64::from(self.books.corrections_left());
        let ready = self.let_in(|gate| {
            let mut ready = Vec::with_capacity(asked.len().min(16));
            for (place, (skill, input)) in (0..).zip(asked) {
                let parts = most.saturating_sub(place);
                let part = |left: &mut u64| {
                    let part = *left / u64::from(parts.max(1));
                    *left -= part;
                    part
                };
                let (fuel, memory) = (part(&mut fuel_left), part(&mut memory_left));
                let corrections = u32::try_from(part(&mut corrections_left)).unwrap_or(u32::MAX);
                let errand = SkillsRun::of(skill, input);
                let mut errand = SkillsRun { fuel, memory, corrections, parts, ..errand };
                errand.occurrence = gate.occurrences.next_of("skills.run", errand.kind);
                ready.push(match gate.open(errand) {
                    Ok(Opened::Permit(permit)) => Ready::Go(permit),
                    Ok(Opened::Recorded(answer)) => Ready::Known(Ok(answer)),
                    Err(Stop::Tell(refusal)) => Ready::Known(Err(refusal)),
                    Err(trap) => return Err(trap),
                });
            }
            Ok(ready)
        })?;
        let outside = &self.outside;
        let run = |ready| async move {
            match ready {
                Ready::Go(permit) => outside.skills.run(permit).await.into_result(),
                Ready::Known(answer) => answer.map_err(Stop::Tell),
            }
        };
        let answers = match <[Ready; 1]>::try_from(ready) {
            Ok([one]) => vec![run(one).await],
            Err(several) => join_all(several.into_iter().map(run)).await,
        };
        let told = answers.into_iter().map(|answer| match answer {
            Ok(answer) => {
                self.lent_fuel(answer.used[Limit::Fuel]);
                self.books.use_corrections(answer.corrections);
                Ok(answer.output)
            }
            Err(Stop::Tell(refusal)) => Ok(Err(refusal)),
            Err(trap) => Err(trap),
        });
        told.collect()
    }
}
