//! Several errands of a skill at once: decided and reserved in their order before any of them starts.

use futures::future::join_all;

use super::call::skills::{MAX_AT_ONCE, SkillsRun};
use super::{Call, Gate, Opened, Stop};
use crate::limit::Limit;
use crate::refusal::Refusal;

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
        // What is more than may be asked at once is not looked at: the first says that it is.
        let errands = (0..most).zip(asked).take(MAX_AT_ONCE as usize).map(|(place, (skill, input))| {
            let parts = most.saturating_sub(place);
            let part = |left: &mut u64| {
                let part = *left / u64::from(parts.max(1));
                *left -= part;
                part
            };
            let (fuel, memory) = (part(&mut fuel_left), part(&mut memory_left));
            let corrections = u32::try_from(part(&mut corrections_left)).unwrap_or(u32::MAX);
            let errand = SkillsRun::of(skill, input);
            let occurrence = self.occurrences.next_of(SkillsRun::NAME, errand.kind);
            SkillsRun { fuel, memory, corrections, parts, occurrence, ..errand }
        });
        let errands = errands.collect();
        let ready = self.let_in(errands)?;
        let outside = &self.outside;
        let run = |ready| async move {
            match ready {
                Ok(Opened::Permit(permit)) => outside.skills.run(permit).await.into_result(),
                Ok(Opened::Recorded(answer)) => Ok(answer),
                Err(refusal) => Err(Stop::Tell(refusal)),
            }
        };
        let answers = match <[_; 1]>::try_from(ready) {
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
