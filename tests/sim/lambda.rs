//! A small Lambda: asynchronous invocations of the worker that are delayed, lost, duplicated and
//! reordered; environments that live on or die; kills at any await and at the timeout.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;
use windlass_core::clock::{Clock, SeededEntropy};
use windlass_core::task::Task;
use windlass_core::time::SECOND_MS;
use windlass_orchestrator::{Dispatch, DispatchError};
use windlass_worker::lambda::run_side_by_side;
use windlass_worker::{Deadline, Seams, Stop, Worker};

use crate::adapters::{Services, SimAdapterFactory};
use crate::checked::CheckedStore;
use crate::clock::{SimClock, wait_ms};
use crate::faulty::{FaultyStore, faulty};
use crate::mortal::{Abort, Ended, Fate, run};
use crate::op::What;
use crate::true_time;
use crate::world::{World, lock};
use crate::wrong_clock::Seat;

/// Age at which an invocation without capacity is dropped, in milliseconds: the template's setting
/// for the worker. Source: Lambda developer guide, asynchronous invocation.
pub(crate) const EVENT_AGE_MS: i64 = 5 * 60 * SECOND_MS;
/// Milliseconds between two tries of an invocation without capacity.
const NO_ROOM_MS: i64 = 2 * SECOND_MS;
/// Longest delay of an invocation without a fault, in milliseconds.
const QUEUE_MS_MAX: u64 = 400;
/// One of so many environments ends after each invocation, as Lambda may do.
const ENVIRONMENT_ENDS_ONE_IN: u64 = 10;

/// The worker function.
#[derive(Debug)]
pub(crate) struct Lambda {
    world: Arc<World>,
    store: CheckedStore,
    services: Arc<Services>,
    timeout_ms: i64,
    idle: Mutex<Vec<Environment>>,
    running: AtomicUsize,
}

/// One environment of the worker function: its clients, and the clock of its machine.
#[derive(Debug)]
struct Environment {
    /// Life of the machine that it runs on; see [`World::power`].
    power: u64,
    worker: Worker<FaultyStore, SimAdapterFactory>,
    clock: SimClock,
    /// Ends the environment at a poisoned page.
    abort: Abort,
}

impl Lambda {
    /// The function in `world`, killed `timeout_ms` after each invocation begins.
    pub(crate) fn new(
        world: Arc<World>,
        store: CheckedStore,
        services: Arc<Services>,
        timeout_ms: i64,
    ) -> Arc<Self> {
        Arc::new(Self {
            world,
            store,
            services,
            timeout_ms,
            idle: Mutex::default(),
            running: AtomicUsize::new(0),
        })
    }

    /// Number of running invocations.
    pub(crate) fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }

    fn enqueue(self: &Arc<Self>, payload: &[u8]) {
        let world = &self.world;
        let late = world.on(|what| match what {
            What::DelayInvocations { percent, ms } => Some((*percent, *ms)),
            _ => None,
        });
        let late_ms = match late {
            Some((percent, ms)) if world.below(100) < percent => {
                world.count("invocation_delayed");
                world.below(ms)
            }
            _ => world.below(QUEUE_MS_MAX),
        };
        let (this, payload) = (Arc::clone(self), payload.to_vec());
        let power = world.power();
        tokio::spawn(async move {
            wait_ms(i64::try_from(late_ms).unwrap_or(0)).await;
            this.deliver(&payload, power).await;
        });
    }

    /// Runs an invocation once there is capacity, unless it is too old by then, or its machine has
    /// lost its `power`.
    async fn deliver(&self, payload: &[u8], power: u64) {
        let Ok(tasks) = serde_json::from_slice::<Vec<Task>>(payload) else {
            self.world.violate("an invocation that cannot be read");
            return;
        };
        let came_at = true_time::now();
        loop {
            let room = self.world.on(|what| match what {
                What::Throttle { workers } => Some(*workers),
                _ => None,
            });
            if room.is_none_or(|room| self.running() < room) {
                break;
            }
            self.world.count("invocation_throttled");
            wait_ms(NO_ROOM_MS).await;
            if true_time::now().ms_since(came_at) > EVENT_AGE_MS {
                self.world.count("invocation_too_old");
                return;
            }
        }
        if self.world.power() != power {
            return;
        }
        self.running.fetch_add(1, Ordering::SeqCst);
        self.invoke(&tasks).await;
        self.running.fetch_sub(1, Ordering::SeqCst);
    }

    async fn invoke(&self, tasks: &[Task]) {
        let power = self.world.power();
        let idle = lock(&self.idle).pop().filter(|idle| idle.power == power);
        let environment = idle.unwrap_or_else(|| self.environment());
        let fate = self.fate();
        let deadline = environment.clock.now().plus_ms(self.timeout_ms);
        self.world.books().invocations += 1;
        self.world
            .note(format_args!("invocation of {} tasks", tasks.len()));
        let work = work(&environment.worker, tasks, Deadline::killed_at(deadline));
        let lives = || self.world.power() == power && !environment.abort.is_called();
        let ended = run(fate, lives, work).await;
        match ended {
            Ended::Killed => self.world.count("worker_killed"),
            Ended::TimedOut => self.world.count("worker_timed_out"),
            Ended::With(()) if self.world.below(ENVIRONMENT_ENDS_ONE_IN) > 0 => {
                lock(&self.idle).push(environment);
            }
            Ended::With(()) => {}
        }
    }

    fn environment(&self) -> Environment {
        let clock = self.world.new_clock(|odd| Seat::Worker { odd });
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let entropy = Arc::new(SeededEntropy::new(self.world.below(u64::MAX)));
        let abort = Abort::default();
        let factory = SimAdapterFactory::new(
            Arc::clone(&self.services),
            Arc::clone(&shared),
            entropy.clone(),
            abort.clone(),
        );
        let seams = Seams {
            clock: Arc::clone(&shared),
            entropy,
            stop: Stop::default(),
            observer: None,
        };
        let store = faulty(&self.world, &self.store, shared);
        Environment {
            power: self.world.power(),
            worker: Worker::new(store, factory, seams),
            clock,
            abort,
        }
    }

    fn fate(&self) -> Fate {
        let world = &self.world;
        let kill = |what: &What| match what {
            What::KillWorkers { percent } => Some(*percent),
            _ => None,
        };
        let freeze = world.on(|what| match what {
            What::FreezeWorkers { percent, ms } => Some((*percent, *ms)),
            _ => None,
        });
        let timeout_ms = self.timeout_ms.unsigned_abs();
        Fate {
            deadline: Instant::now() + Duration::from_millis(timeout_ms),
            kill_at_poll: world.chance(kill).then(|| some_poll(world)),
            pause: freeze
                .filter(|(percent, _)| world.below(100) < *percent)
                .map(|(_, ms)| {
                    world.count("worker_frozen");
                    (some_poll(world), 1 + world.below(ms))
                }),
        }
    }
}

/// Number of a poll of a process: often an early one, at times a late one.
pub(crate) fn some_poll(world: &World) -> u64 {
    let end = [8, 30, 120, 600][usize::try_from(world.below(4)).unwrap_or(0)];
    1 + world.below(end)
}

/// The same run of `tasks` as in the function's main.
async fn work(worker: &Worker<FaultyStore, SimAdapterFactory>, tasks: &[Task], deadline: Deadline) {
    match tasks {
        [only] => {
            worker.run(only, deadline).await;
        }
        many => {
            Box::pin(run_side_by_side(worker, many, deadline)).await;
        }
    }
}

/// A tick's access to the function.
#[derive(Debug)]
pub(crate) struct Invoker(pub(crate) Arc<Lambda>);

impl Dispatch for Invoker {
    async fn dispatch(&self, tasks: Vec<Task>) -> Result<(), DispatchError> {
        let lambda = &self.0;
        let world = &lambda.world;
        let payload =
            serde_json::to_vec(&tasks).map_err(|error| DispatchError(error.to_string()))?;
        wait_ms(i64::try_from(1 + world.below(40)).unwrap_or(1)).await;
        let refuse = |what: &What| match what {
            What::RefuseInvocations { percent } => Some(*percent),
            _ => None,
        };
        let lose = |what: &What| match what {
            What::LoseInvocations { percent } => Some(*percent),
            _ => None,
        };
        let double = |what: &What| match what {
            What::DuplicateInvocations { percent } => Some(*percent),
            _ => None,
        };
        if world.chance(refuse) {
            world.count("invocation_refused");
            // Half of them were accepted all the same.
            if world.below(2) == 0 {
                lambda.enqueue(&payload);
            }
            return Err(DispatchError("throttled by the simulation".to_owned()));
        }
        if world.chance(lose) {
            world.count("invocation_lost");
            return Ok(());
        }
        lambda.enqueue(&payload);
        if world.chance(double) {
            world.count("invocation_doubled");
            lambda.enqueue(&payload);
        }
        Ok(())
    }
}
