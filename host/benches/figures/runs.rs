//! A whole governed run over a bare one.

use tokio::runtime::Runtime;

use crate::bare::Bare;
use crate::sample::{Figure, Sample, ratio, timed};
use crate::world::World;

const INPUT: &str = r#"{"name":"Ada"}"#;

pub(crate) fn measure(runtime: &Runtime) -> Vec<Figure> {
    runtime.block_on(async {
        let world = World::new(&["hello"]).await;
        let bare = Bare::new(&world, "hello");
        let unwritten = world.without_a_store();
        let (mut base, mut governed, mut storeless) =
            (Sample::default(), Sample::default(), Sample::default());
        for round in 0..20_000 {
            let (took, output) = timed(bare.cycle(INPUT)).await;
            assert_eq!(output, r#""Hello, Ada!""#);
            let order = world.order("hello", INPUT);
            let (governing, emitted) = timed(world.running.host.run(order)).await;
            assert!(emitted.outcome.output.is_some(), "a governed run completes");
            let (without_store, _) = timed(unwritten.run(world.order("hello", INPUT))).await;
            if round % 100 == 99 {
                // The flush is nobody's to wait for here, but a backlog would be.
                emitted.durable().await.expect("a log");
            }
            if round >= 2_000 {
                base.push(took);
                governed.push(governing);
                storeless.push(without_store);
            }
        }
        let over = ratio(governed.median(), base.median());
        let without_store = ratio(storeless.median(), base.median());
        vec![
            Figure {
                what: "bare wasmtime: store, instantiate, run, drop (`hello`)",
                to_reach: "within 1.5 × of 22 µs",
                measured: format!("{:.1?}: {:.2} ×", base.median(), base.median().as_secs_f64() / 22e-6),
            },
            Figure {
                what: "whole governed run over that",
                to_reach: "≤ 1.4",
                measured: format!("{over:.2} ({:.1?})", governed.median()),
            },
            Figure {
                what: "… with a log that forgets, to see what the store costs",
                to_reach: "",
                measured: format!("{without_store:.2} ({:.1?})", storeless.median()),
            },
        ]
    })
}
