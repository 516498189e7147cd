//! The permit for a request to a vendor: by a reservation or the request rate, outside a cooldown.

use windlass_connectors::connector::{AdvertisedQuota, Page};
use windlass_connectors::exchange::Origin;
use windlass_core::ids::RateGroup;
use windlass_core::limits;
use windlass_core::reservation::{self, ReservationRequest, ReservationResponse};
use windlass_core::task::Task;
use windlass_core::time::Timestamp;
use windlass_core::trust::{ClockOffset, Jury, PlanTime};
use windlass_core::wait::Cooldown;
use windlass_state::StateStore;

use crate::advertised::AdvertisedQuotas;
use crate::clocks::Clocks;
use crate::cooldowns::Cooldowns;
use crate::persist::{Holder, NotWritten};
use crate::rate_limiter::RateLimiter;
use crate::reservations::Reservations;
use crate::slots::Slots;

/// The rate limiting that the runs of a process share.
#[derive(Debug, Default)]
pub(crate) struct Permits {
    pub(crate) rate_limiter: RateLimiter,
    pub(crate) slots: Slots,
    pub(crate) cooldowns: Cooldowns,
    reservations: Reservations,
    advertised: AdvertisedQuotas,
    clocks: Clocks,
}

/// The permit of one run.
pub(crate) struct Permit<'a, S> {
    pub(crate) permits: &'a Permits,
    pub(crate) holder: Holder<'a, S>,
    pub(crate) group: &'a RateGroup,
    /// The task that the vendor is asked for.
    pub(crate) task: &'a Task,
    /// The request rate to keep, if one is declared: the whole group's, if its workers make
    /// reservations.
    pub(crate) requests_per_minute: Option<u32>,
    /// Concurrent workers of the group, if some are in other processes; otherwise 0.
    pub(crate) workers: u32,
    /// The vendor's name, for messages.
    pub(crate) connector: &'a str,
    /// Decides between the machine clock and the vendor clock.
    pub(crate) jury: Jury<'a>,
}

/// The reason why no request may be sent now.
#[derive(Debug)]
pub(crate) enum NotNow {
    /// The group waits for longer than a worker does.
    Until(Timestamp, String),
    /// The state with the reservations is unavailable.
    State(NotWritten),
}

impl<S: StateStore> Permit<'_, S> {
    /// Waits for the permission to send a request, a few seconds at most.
    pub(crate) async fn wait(&self) -> Result<(), NotNow> {
        if !self.task.reserves_requests {
            self.wait_for_own_interval().await;
            // After the wait: a cooldown may have begun meanwhile.
            return self.check_cooldown().await;
        }
        for _ in 0..limits::STATE_TRIES_MAX {
            let reservation = self.wait_for_reservation().await?;
            self.check_cooldown().await?;
            // Reading the cooldown takes time in which the reservation can pass, and those of other
            // workers with it: all would send at once.
            let late_ms = self.now().ms_since(reservation);
            if late_ms <= reservation::late_ms_max(self.shared_interval_ms()) {
                return Ok(());
            }
        }
        Err(self.reservations_expired())
    }

    /// Returns `Ok` outside a cooldown of the group. Reads it if no run of this process has lately.
    pub(crate) async fn check_cooldown(&self) -> Result<(), NotNow> {
        let (cooldowns, group) = (&self.permits.cooldowns, self.group);
        if cooldowns.is_stale(group, self.now()) {
            self.look().await.map_err(NotNow::State)?;
        }
        match cooldowns.closed(group, self.now()) {
            Some(cooldown) => Err(closed(&cooldown)),
            None => Ok(()),
        }
    }

    /// Reads the group's cooldown and clock.
    pub(crate) async fn look(&self) -> Result<(), NotWritten> {
        let Holder { store, .. } = self.holder;
        let state = self.holder.insist(|| store.rate_state(self.group)).await?;
        self.permits
            .cooldowns
            .seen(self.group, state.cooldown, self.now());
        let steady_ms = self.steady_ms();
        self.permits
            .clocks
            .stored(self.group, state.clock, steady_ms);
        Ok(())
    }

    /// Stores the clock of `page`, a response of `origin` to a request of `asked_at`. A page
    /// without a `Date` gets the vendor's time of an earlier response, counted on by the steady
    /// clock; none before the first of those.
    pub(crate) async fn record_page_clock(
        &self,
        origin: &Origin,
        page: &mut Page,
        asked_at: Timestamp,
    ) {
        if let Some(served_at) = page.served_at {
            return self.record_clock(origin, served_at, asked_at).await;
        }
        let clocks = &self.permits.clocks;
        page.served_at = clocks.counted_on(self.group, self.steady_ms());
        if clocks.is_date_missed(self.group) {
            self.log_missing_date(page);
        }
        self.compare(origin, page.served_at, self.now()).await;
    }

    /// Records the vendor's time in a response of `origin` to a request of `asked_at`.
    pub(crate) async fn record_clock(
        &self,
        origin: &Origin,
        served_at: Timestamp,
        asked_at: Timestamp,
    ) {
        let clocks = &self.permits.clocks;
        clocks.shown(self.group, served_at, self.steady_ms());
        self.compare(origin, Some(served_at), asked_at).await;
    }

    /// Logs that a page has no `Date`, and the clock that replaces it.
    fn log_missing_date(&self, page: &Page) {
        let problem = match &page.unreadable_date {
            Some(text) => format!("the `Date` of a response is unreadable (`{text}`)"),
            None => "a response has no `Date`".to_owned(),
        };
        let instead = match page.served_at.filter(|_| self.jury.choice.is_none()) {
            Some(at) => format!(
                "the `Date` of an earlier response, advanced to {at}, is used instead; if no \
                 response has a `Date`, set `clock: ours` on the source"
            ),
            None => "this machine's clock is used instead".to_owned(),
        };
        tracing::warn!(group = %self.group, connector = self.connector, "{problem}; {instead}");
    }

    /// Stores the vendor's clock of `served_at`, if that is new, and logs a difference once. The
    /// next response repeats a failed write.
    async fn compare(&self, origin: &Origin, served_at: Option<Timestamp>, asked_at: Timestamp) {
        let now = self.now();
        let seen = ClockOffset::of(served_at, asked_at, now);
        let clocks = &self.permits.clocks;
        let time = PlanTime::of(now, Some(&seen), &self.jury);
        let difference = time.difference();
        if clocks.is_news(self.group, difference.is_some())
            && let Some(difference) = difference
        {
            tracing::warn!(group = %self.group, "{}", difference.describe(self.connector));
        }
        if clocks.is_new(self.group, &seen) {
            let (store, origin) = (self.holder.store, origin.to_string());
            match store.store_clock(self.group, &seen, &origin).await {
                Ok(()) => clocks.stored(self.group, Some(seen), self.steady_ms()),
                Err(error) => {
                    tracing::info!(
                        group = %self.group,
                        %error,
                        "the vendor's clock was not stored; the next response repeats the write"
                    );
                }
            }
        }
    }

    /// Records the quota that the vendor advertises to the group.
    pub(crate) fn record_quota(&self, quota: Option<&AdvertisedQuota>) {
        if let Some(quota) = quota {
            self.permits
                .advertised
                .record(self.group, quota, self.now());
        }
    }

    /// Waits for this process's next reservation of the group, and makes some if it has none.
    /// Returns it.
    async fn wait_for_reservation(&self) -> Result<Timestamp, NotNow> {
        // Other runs of the process may take the reservations that this one made, and those of a
        // slow state may have passed when it responds.
        for _ in 0..limits::STATE_TRIES_MAX {
            let (reservations, interval_ms) =
                (&self.permits.reservations, self.shared_interval_ms());
            if let Some(reservation) = reservations.next(self.group, interval_ms, self.now()) {
                self.sleep(reservation.ms_since(self.now())).await;
                return Ok(reservation);
            }
            self.reserve(interval_ms).await?;
        }
        Err(self.reservations_expired())
    }

    fn reservations_expired(&self) -> NotNow {
        let later = self.now().plus_ms(limits::RATE_SLEEP_MAX_MS);
        let why = "rate group waits: its reserved request slots expired before use";
        NotNow::Until(later, why.to_owned())
    }

    /// Milliseconds between the reservations of the whole group.
    fn shared_interval_ms(&self) -> i64 {
        let declared = self.requests_per_minute.map(reservation::interval_ms);
        let interval_ms = declared.unwrap_or(1).max(self.advertised_interval_ms());
        interval_ms.min(limits::RATE_SLEEP_MAX_MS)
    }

    async fn reserve(&self, interval_ms: i64) -> Result<(), NotNow> {
        let asked = || ReservationRequest {
            count: reservation::reservations_at_once(interval_ms),
            interval_ms,
            within_ms: limits::RATE_SLEEP_MAX_MS,
            now: self.now(),
        };
        let Holder { store, .. } = self.holder;
        // Each try has a new `now`: the reservations of a lost response are lost.
        let given = self.holder.insist(|| {
            let asked = asked();
            async move {
                let given = store.reserve_requests(self.group, &asked).await?;
                Ok((given, asked))
            }
        });
        let (given, asked) = given.await.map_err(NotNow::State)?;
        let cooldowns = &self.permits.cooldowns;
        match given {
            ReservationResponse::From { first } => {
                cooldowns.seen(self.group, None, self.now());
                self.permits.reservations.keep(self.group, first, &asked);
                Ok(())
            }
            ReservationResponse::Later { at } => {
                cooldowns.seen(self.group, None, self.now());
                let why = "rate group waits: all request slots of the next few seconds are \
                           reserved";
                Err(NotNow::Until(at, why.to_owned()))
            }
            ReservationResponse::Closed(cooldown) => {
                cooldowns.seen(self.group, Some(cooldown.clone()), self.now());
                Err(closed(&cooldown))
            }
        }
    }

    /// Waits for this request's instant at the declared rate, or at that of the advertised quota. A
    /// rate too slow to sleep through is kept by cooldowns that the run starts between pages.
    async fn wait_for_own_interval(&self) {
        if self.task.slow_interval_ms().is_some() {
            return;
        }
        let declared_ms = self.requests_per_minute.map_or(0, reservation::interval_ms);
        let interval_ms = declared_ms.max(self.advertised_share_ms());
        let rate_limiter = &self.permits.rate_limiter;
        let wait_ms = rate_limiter.reserve_next(self.group, interval_ms, self.now());
        self.sleep(wait_ms).await;
    }

    fn advertised_interval_ms(&self) -> i64 {
        self.permits.advertised.interval_ms(self.group, self.now())
    }

    /// Milliseconds between this process's requests. All processes together keep the advertised
    /// quota if each keeps this spacing.
    fn advertised_share_ms(&self) -> i64 {
        let here = i64::from(self.permits.slots.taken(self.group).max(1));
        let workers = i64::from(self.workers_at_once());
        let spacing_ms = self.advertised_interval_ms().saturating_mul(workers) / here;
        spacing_ms.min(limits::RATE_SLEEP_MAX_MS)
    }

    /// Number of concurrent workers of the group, as far as this process knows.
    pub(crate) fn workers_at_once(&self) -> u32 {
        let here = self.permits.slots.taken(self.group).max(1);
        self.workers.max(here)
    }

    async fn sleep(&self, ms: i64) {
        if ms > 0 {
            self.holder.seams.clock.sleep(ms).await;
        }
    }

    fn steady_ms(&self) -> i64 {
        self.holder.seams.clock.steady_ms()
    }

    fn now(&self) -> Timestamp {
        self.holder.seams.clock.now()
    }
}

fn closed(cooldown: &Cooldown) -> NotNow {
    let why = format!("rate group waits: {}", cooldown.reason);
    NotNow::Until(cooldown.not_before, why)
}
