//! What it takes to have another skill do something, over running that skill directly.

use std::time::Duration;

use tokio::runtime::Runtime;

use crate::sample::{Figure, Sample, ratio, timed};
use crate::world::World;

const NOTHING: &str = r#"{"skill":"hello","input":"{\"name\":\"Ada\"}","times":0}"#;
const ONCE: &str = r#"{"skill":"hello","input":"{\"name\":\"Ada\"}","times":1}"#;

pub(crate) fn measure(runtime: &Runtime) -> Vec<Figure> {
    runtime.block_on(async {
        let world = World::new(&["hello", "friend_asks_again"]).await;
        let (mut direct, mut without, mut with) = (Sample::default(), Sample::default(), Sample::default());
        for round in 0..5_000 {
            for (sample, skill, input) in [
                (&mut direct, "hello", r#"{"name":"Ada"}"#),
                (&mut without, "friend-asks-again", NOTHING),
                (&mut with, "friend-asks-again", ONCE),
            ] {
                // Until nothing is left of it: of an errand nothing is either when its answer is there.
                let run = async {
                    let over = world.running.host.run(world.order(skill, input)).await;
                    assert!(over.outcome.output.is_some(), "{:?}", over.outcome);
                };
                let (took, ()) = timed(run).await;
                if round >= 500 {
                    sample.push(took);
                }
            }
            if round % 100 == 99 {
                let over = world.running.host.run(world.order("hello", r#"{"name":"Ada"}"#)).await;
                over.durable().await.expect("a log");
            }
        }
        let over_direct = |of: fn(&mut Sample) -> Duration, samples: [&mut Sample; 3]| {
            let [direct, without, with] = samples.map(of);
            let errand = with.saturating_sub(without);
            format!("{:.2} ({errand:.1?} over {direct:.1?})", ratio(errand, direct))
        };
        let means = over_direct(Sample::trimmed_mean, [&mut direct, &mut without, &mut with]);
        let medians = over_direct(Sample::median, [&mut direct, &mut without, &mut with]);
        let measured = format!("{means}; by medians {medians}");
        vec![Figure {
            what: "delegated call (skill → skill, fresh sandbox) over a direct governed run",
            to_reach: "≤ 1.3",
            measured,
        }]
    })
}
