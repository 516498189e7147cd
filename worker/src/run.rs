//! The run of a task: window after window, each from claim to release.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::AtomicBool;

use futures_util::FutureExt;
use tracing::Instrument;
use windlass_core::block::Work;
use windlass_core::ids::{RateGroup, WindowId};
use windlass_core::lease::Lease;
use windlass_core::moves::Move;
use windlass_core::retry::{refusal_stands, stored_backoff_ms};
use windlass_core::source::{BlockCause, SourceRecord};
use windlass_core::task::{TASK_VERSION, Task, TaskWindow};
use windlass_core::time::Timestamp;
use windlass_core::transition::{Cause, Claim, Release};
use windlass_core::trust::Jury;
use windlass_core::{Owner, limits};
use windlass_state::StateStore;

use crate::block::Block;
use crate::log_once::Trouble;
use crate::next::Next;
use crate::pages::Run;
use crate::permit::{NotNow, Permit};
use crate::persist::{Holder, NotWritten};
use crate::token_use::TokenUse;
use crate::{AdapterError, AdapterFactory, Deadline, Outcome, Report, Worker, spans};

impl<S: StateStore, O: AdapterFactory> Worker<S, O> {
    /// Runs the windows of `task`, then further ready windows of its source while time is left and,
    /// in a crowded rate group, those of its other sources. Reads the source's definition again
    /// before each window.
    pub async fn run(&self, task: &Task, deadline: Deadline) -> Report {
        let began = self.now();
        let mut report = self.run_named(task, deadline).await;
        if report.windows.is_empty() || report.state_failure().is_some() {
            return report;
        }
        while report.windows.len() < limits::WINDOWS_PER_RUN_MAX
            && report.may_go_on()
            && !self.seams.stop.is_requested()
        {
            match self.next_for(task, deadline, began).await {
                Some(window) => {
                    let task = Task {
                        source: window.id.timeline.source.clone(),
                        ..task.clone()
                    };
                    self.run_one(&task, &window, deadline, &mut report).await;
                }
                None => break,
            }
        }
        report
    }

    /// Runs the windows of `task` and no others: for a task of a quiet source, where the search for
    /// a further window would cost more than it finds.
    pub async fn run_named(&self, task: &Task, deadline: Deadline) -> Report {
        let mut report = Report::default();
        if task.version != TASK_VERSION {
            let (given, known) = (task.version, TASK_VERSION);
            tracing::error!(
                given,
                known,
                "task version not supported; deploy worker and orchestrator of one version"
            );
            return report;
        }
        for window in task.windows.iter().take(limits::WINDOWS_PER_TASK_MAX) {
            let spent = !deadline.has_time(self.now(), 0) || self.seams.stop.is_requested();
            if spent && !report.windows.is_empty() {
                // Stays dispatched: claiming it only to release it would cost two writes.
                break;
            }
            self.run_one(task, window, deadline, &mut report).await;
            if report.state_failure().is_some() {
                break;
            }
        }
        report
    }

    /// The next ready window that there is time for in this run, which began at `began`.
    async fn next_for(
        &self,
        task: &Task,
        deadline: Deadline,
        began: Timestamp,
    ) -> Option<TaskWindow> {
        let now = self.now();
        let next = Next {
            store: &self.store,
            slots: &self.permits.slots,
            shard: task.shard,
            now,
            // An invocation has a deadline, and no window but those of its tasks.
            suspects: deadline.is_set() && self.permits.slots.are_free(),
        };
        let random = self.seams.entropy.next_u64();
        let window = next.after(task, random).await.unwrap_or_else(|error| {
            tracing::warn!(source = %task.source, %error, "the search for a further window failed");
            None
        })?;
        deadline
            .has_time_for(&window, began, now)
            .then(|| TaskWindow {
                id: window.id().clone(),
                epoch: window.epoch(),
            })
    }

    async fn run_one(
        &self,
        task: &Task,
        window: &TaskWindow,
        deadline: Deadline,
        report: &mut Report,
    ) {
        let TaskWindow { id, epoch } = window;
        let claiming = spans::window(id, *epoch);
        let taken = self.take(id, *epoch, deadline).instrument(claiming.clone());
        let (span, outcome) = match taken.await {
            Ok(lease) => {
                let claimed = spans::window(id, lease.window().epoch());
                let work = self.work_unwound(task, lease, deadline);
                (claimed.clone(), work.instrument(claimed).await)
            }
            Err(not_written) => (claiming, Outcome::from(not_written)),
        };
        span.in_scope(|| tracing::info!(?outcome, "window run ended"));
        report.windows.push((id.clone(), outcome));
    }

    async fn take(
        &self,
        id: &WindowId,
        epoch: u64,
        deadline: Deadline,
    ) -> Result<Lease, NotWritten> {
        let claim = Claim {
            epoch,
            owner: Owner::from_random(self.seams.entropy.next_u128()),
            lease_until: deadline.lease_until(),
            now: self.now(),
        };
        self.holder().claim(id, &claim).await
    }

    /// [`Self::work`], with a panic confined to its own window: it counts against that window like
    /// an unusable page, and the process continues with the others.
    async fn work_unwound(&self, task: &Task, lease: Lease, deadline: Deadline) -> Outcome {
        let (id, owner) = (lease.window().id().clone(), lease.owner().clone());
        // Boxed: it holds the whole run, and a task that may be moved should be small.
        let worked =
            Box::pin(AssertUnwindSafe(self.work(task, lease, deadline)).catch_unwind()).await;
        let worked = match worked {
            Ok(worked) => worked,
            Err(_) => self.after_panic(&id, &owner).await,
        };
        worked.unwrap_or_else(Outcome::from)
    }

    async fn after_panic(&self, id: &WindowId, owner: &Owner) -> Result<Outcome, NotWritten> {
        tracing::error!("the worker panicked");
        let window = self.holder().insist(|| self.store.window(id)).await?;
        let lease = window.and_then(|window| Lease::held(window, owner));
        let lease = lease.ok_or(NotWritten::Fenced)?;
        let not_before = self
            .now()
            .plus_ms(stored_backoff_ms(lease.window().setbacks()));
        let why = "the worker panicked on this window, which is a bug in windlass";
        self.give_back(&lease, Cause::Failed, Some(not_before), why)
            .await
    }

    /// The run from claim to release. If it ends before the client and the sink exist, nothing was
    /// sent.
    async fn work(
        &self,
        task: &Task,
        lease: Lease,
        deadline: Deadline,
    ) -> Result<Outcome, NotWritten> {
        let name = &lease.window().id().timeline.source;
        let source = self
            .holder()
            .insist(|| self.store.source(task.shard, name))
            .await?;
        let generation = &lease.window().id().timeline.generation;
        let source = match source {
            Some(source) if source.definition.generation != *generation => {
                return self
                    .yield_now(&lease, "its source has a new definition")
                    .await;
            }
            Some(source) if source.work(self.now()) != Work::Nothing => source,
            _ => {
                return self
                    .yield_now(&lease, "its source is paused or blocked")
                    .await;
            }
        };
        let group = &source.definition.policy.rate_group;
        let _slot = self.permits.slots.take(group);
        let permit = self.permit(task, &source, deadline);
        permit.look().await?;
        if let Err(not_now) = permit.check_cooldown().await {
            return self.not_now(&lease, not_now).await;
        }
        if let Some(until) = self.reservation_of_another(task, group) {
            let why = "rate group waits: its configured request rate";
            return self
                .give_back(&lease, Cause::Yielded.unsent(), Some(until), why)
                .await;
        }
        if !self.may_probe(&source).await? {
            let why = "its source is blocked and probed by another worker";
            return self.yield_now(&lease, why).await;
        }
        let adapters = match self.factory.adapters(&source).await {
            Ok(adapters) => adapters,
            Err(AdapterError::Denied(why)) if !refusal_stands(lease.window()) => {
                return self.set_back(&lease, &why).await;
            }
            Err(AdapterError::Refused(why) | AdapterError::Denied(why)) => {
                let since = source.blocked.as_ref().map(|blocked| blocked.since);
                let block = Block {
                    source: &source,
                    cause: BlockCause::Refused,
                    since,
                    why: &why,
                };
                return self.block(&lease, block, Cause::Yielded.unsent()).await;
            }
            Err(AdapterError::Unavailable(why)) => return self.set_back(&lease, &why).await,
        };
        let run = Run {
            worker: self,
            source: &source,
            adapters: &adapters,
            task,
            deadline,
            token_use: TokenUse::default(),
            probes: AtomicBool::new(source.blocked.is_some()),
        };
        run.pages(lease).await
    }

    /// Releases the window before any request, because of a condition that may pass.
    async fn set_back(&self, lease: &Lease, why: &str) -> Result<Outcome, NotWritten> {
        let backoff_ms = stored_backoff_ms(lease.window().setbacks());
        let not_before = Some(self.now().plus_ms(backoff_ms));
        self.give_back(lease, Cause::Outage.unsent(), not_before, why)
            .await
    }

    /// The instant of the next request, if the rate is too slow to sleep through and another worker
    /// has the reservation: the cooldown starts only after its response. `None` if this worker has
    /// it.
    fn reservation_of_another(&self, task: &Task, group: &RateGroup) -> Option<Timestamp> {
        let interval_ms = task.slow_interval_ms()?;
        let rate_limiter = &self.permits.rate_limiter;
        rate_limiter
            .reserve_if_free(group, interval_ms, self.now())
            .err()
    }

    /// The permit for requests to the vendor of `source` for `task`.
    pub(crate) fn permit<'a>(
        &'a self,
        task: &'a Task,
        source: &'a SourceRecord,
        deadline: Deadline,
    ) -> Permit<'a, S> {
        let policy = &source.definition.policy;
        // Without a deadline every worker of the group is in this process, and counted there.
        let workers = if deadline.is_set() {
            policy.group_in_flight
        } else {
            0
        };
        Permit {
            permits: &self.permits,
            holder: self.holder(),
            group: &policy.rate_group,
            task,
            requests_per_minute: task.rate_under(policy),
            workers,
            connector: &source.definition.connector,
            jury: Jury {
                choice: policy.clock,
                witnesses: &task.witnesses,
            },
        }
    }

    /// Releases the window because no request may be sent, and none has been.
    async fn not_now(&self, lease: &Lease, not_now: NotNow) -> Result<Outcome, NotWritten> {
        match not_now {
            NotNow::Until(until, why) => {
                self.give_back(lease, Cause::Yielded.unsent(), Some(until), &why)
                    .await
            }
            NotNow::State(not_written) => Err(not_written),
        }
    }

    pub(crate) fn holder(&self) -> Holder<'_, S> {
        Holder {
            store: &self.store,
            seams: &self.seams,
        }
    }

    /// Releases the window before any request.
    async fn yield_now(&self, lease: &Lease, why: &str) -> Result<Outcome, NotWritten> {
        self.give_back(lease, Cause::Yielded.unsent(), None, why)
            .await
    }

    /// Releases the window and returns the outcome for the report.
    pub(crate) async fn give_back(
        &self,
        lease: &Lease,
        cause: Cause,
        not_before: Option<Timestamp>,
        why: &str,
    ) -> Result<Outcome, NotWritten> {
        // A window that only ran out of time has no error; one that waits has its reason.
        let plain = cause.plain();
        let in_order = matches!(plain, Cause::Yielded | Cause::OutOfTime(_));
        let error = (not_before.is_some() || !in_order).then(|| why.to_owned());
        let source = &lease.window().id().timeline.source;
        if !in_order && self.log_once.is_news(source, Trouble::SetBack) {
            tracing::warn!(why, "window failed and will be retried");
        }
        let release = Release {
            cause,
            not_before,
            error,
            now: self.now(),
        };
        self.holder().make(&Move::Release(lease, &release)).await?;
        let why = why.to_owned();
        Ok(match cause {
            Cause::Yielded | Cause::OutOfTime(_) | Cause::Outage | Cause::Unsent(_) => {
                Outcome::Yielded { not_before, why }
            }
            Cause::Failed
            | Cause::Restart
            | Cause::Halve(_)
            | Cause::Reenter(_)
            | Cause::Split(_) => Outcome::Failed { why },
        })
    }
}

impl From<NotWritten> for Outcome {
    fn from(not_written: NotWritten) -> Self {
        match not_written {
            NotWritten::Fenced => Self::Fenced,
            NotWritten::Failed(error) => Self::StateFailed(error),
        }
    }
}
