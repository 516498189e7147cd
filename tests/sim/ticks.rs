//! The orchestrators: a tick every minute, at times several at once, late, killed, frozen, or none
//! for hours.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use windlass_core::clock::Clock;
use windlass_core::limits;
use windlass_core::shard::Shards;
use windlass_core::time::SECOND_MS;
use windlass_orchestrator::{Tick, TickOptions, TickReport};

use crate::checked::CheckedStore;
use crate::faulty::faulty;
use crate::lambda::{EVENT_AGE_MS, Invoker, Lambda, some_poll};
use crate::mortal::{Ended, Fate, run};
use crate::op::What;
use crate::world::World;
use crate::wrong_clock::Seat;

/// Lifetime of a tick in milliseconds: the template's timeout of the orchestrator.
const TICK_TIMEOUT_MS: u64 = 55_000;

/// The shared parts of every tick of a world.
#[derive(Debug, Clone)]
pub(crate) struct Ticks {
    pub(crate) world: Arc<World>,
    pub(crate) store: CheckedStore,
    pub(crate) lambda: Arc<Lambda>,
    pub(crate) tasks_per_invocation: usize,
}

impl Ticks {
    /// Starts the ticks of one minute.
    pub(crate) fn begin(&self) {
        let none = |what: &What| (*what == What::NoTicks).then_some(());
        if self.world.on(none).is_some() {
            self.world.count("tick_missing");
            return;
        }
        let overlap = self.world.on(|what| match what {
            What::OverlapTicks { ticks } => Some(*ticks),
            _ => None,
        });
        for number in 0..overlap.unwrap_or(1) {
            if number > 0 {
                self.world.count("tick_overlapping");
            }
            let this = self.clone();
            tokio::spawn(async move { this.one().await });
        }
    }

    async fn one(&self) {
        // A tick that begins in the time of faults may still meet one after its end.
        let calm = self.world.is_quiet();
        let clock = self.world.new_clock(|odd| Seat::Tick { odd });
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let store = faulty(&self.world, &self.store, shared);
        let invoker = Invoker(Arc::clone(&self.lambda));
        let tick = Tick {
            store: &store,
            dispatch: &invoker,
            options: self.options(),
            suspects: None,
            now: clock.now(),
        };
        let power = self.world.power();
        let has_power = || self.world.power() == power;
        let ended = run(self.fate(), has_power, tick.run()).await;
        match ended {
            Ended::Killed => self.world.count("tick_killed"),
            Ended::TimedOut => self.world.count("tick_timed_out"),
            Ended::With(Ok(report)) => self.reported(&report, calm),
            Ended::With(Err(error)) => {
                self.world.note(format_args!("tick failed: {error}"));
                if calm {
                    self.world
                        .violate(format_args!("a tick failed without a fault: {error}"));
                }
            }
        }
    }

    fn options(&self) -> TickOptions {
        TickOptions {
            shards: Shards::ALL,
            dispatch_ms: Some(EVENT_AGE_MS + limits::CLOCK_SKEW_MS),
            share_request_rate: true,
            tasks_per_invocation: self.tasks_per_invocation,
        }
    }

    fn reported(&self, report: &TickReport, calm: bool) {
        self.world.books().ticks += 1;
        self.world
            .note(format_args!("tick: {} invocations", report.invocations));
        if !calm {
            return;
        }
        for source in &report.sources {
            if let Some(error) = &source.error {
                let problem = format_args!("{} was not planned: {error}", source.source);
                self.world.violate(problem);
            }
        }
    }

    fn fate(&self) -> Fate {
        let world = &self.world;
        let kill = |what: &What| match what {
            What::KillTicks { percent } => Some(*percent),
            _ => None,
        };
        let freeze = world.on(|what| match what {
            What::FreezeTicks { percent, ms } => Some((*percent, *ms)),
            _ => None,
        });
        Fate {
            deadline: Instant::now() + Duration::from_millis(TICK_TIMEOUT_MS),
            kill_at_poll: world.chance(kill).then(|| some_poll(world)),
            pause: freeze
                .filter(|(percent, _)| world.below(100) < *percent)
                .map(|(_, ms)| {
                    world.count("tick_frozen");
                    (some_poll(world), 1 + world.below(ms))
                }),
        }
    }
}

/// Milliseconds between two ticks.
pub(crate) const TICK_MS: i64 = 60 * SECOND_MS;
