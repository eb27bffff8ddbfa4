//! What is slow to refuse when it is loaded: others are served meanwhile.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ringfence::app;
use ringfence_built::bombs::{functions, loops};
use ringfence_core::error::Code;
use serde_json::json;

use crate::harness::World;

/// How many runs of a friend have to fall within loads of the same attack.
const SERVED: usize = 3;

/// No attack is loaded again and again for longer than this; it is no measure of speed.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is loaded: an attack, whose turn it is the how-manieth time, so that no verdict on it is known yet.
type Attack = (Code, fn(usize) -> Vec<u8>);

const ATTACKS: [Attack; 4] = [
    (Code::R0408, |_| ringfence_built::component("attack_describe_spins")),
    (Code::R0408, |_| ringfence_built::component("attack_start_loops")),
    (Code::R0408, |_| ringfence_built::component("attack_describe_dawdles")),
    (Code::R0409, |turn| functions(8, &loops(80_000 + turn, 0))),
];

/// How often a load has begun and ended, and how many runs fell within one.
#[derive(Default)]
struct Loads {
    begun: AtomicUsize,
    ended: AtomicUsize,
    served: AtomicUsize,
}

impl Loads {
    fn load_until_others_were_served(&self, world: &World, (code, component): Attack) {
        let (patient, mut turn) = (Instant::now() + PATIENCE, 0);
        self.served.store(0, Ordering::SeqCst);
        while self.served.load(Ordering::SeqCst) < SERVED {
            assert!(Instant::now() < patient, "nobody was served while it was loaded: {code}");
            let component = component(turn);
            turn += 1;
            self.begun.fetch_add(1, Ordering::SeqCst);
            let loaded = world.wait(app::load(&world.running, &component, "the test"));
            self.ended.fetch_add(1, Ordering::SeqCst);
            let error = loaded.map(drop).expect_err("it is not loaded");
            assert_eq!(error.code, code, "{error}");
        }
    }

    /// The load that goes on, if one does.
    fn going_on(&self) -> Option<usize> {
        let ended = self.ended.load(Ordering::SeqCst);
        let begun = self.begun.load(Ordering::SeqCst);
        (begun > ended).then_some(begun)
    }
}

#[test]
fn friends_are_served_while_what_is_slow_to_refuse_is_loaded() {
    // The limit of CPU that the child finds is kept where it is lower than its own.
    let world = World::compiling_by("ulimit -t 2\nexec \"$real\" \"$@\"");
    world.assert_unharmed();
    let loads = Loads::default();
    std::thread::scope(|scope| {
        let attacks = scope.spawn(|| {
            for attack in ATTACKS {
                loads.load_until_others_were_served(&world, attack);
            }
        });
        while !attacks.is_finished() {
            let within = loads.going_on();
            let emitted = world.run(world.order("hello", r#"{"name":"Ada"}"#));
            assert_eq!(emitted.outcome.output, Some(json!("Hello, Ada!")), "{:?}", emitted.outcome);
            if within.is_some() && loads.going_on() == within {
                loads.served.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    world.assert_unharmed();
}
