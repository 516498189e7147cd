//! The lease holder's calls of the state, repeated until their outcome is known.

use windlass_core::checkpoint::Checkpoint;
use windlass_core::ids::WindowId;
use windlass_core::lease::Lease;
use windlass_core::limits;
use windlass_core::transition::{Claim, Release};
use windlass_core::window::{Status, Window};
use windlass_state::{MoveError, StateError, StateStore};

use crate::Seams;

/// Why a holder's write did not happen.
#[derive(Debug)]
pub(crate) enum NotWritten {
    /// The window is no longer ours.
    Fenced,
    /// The store failed, and goes on failing.
    Failed(StateError),
}

/// The holder's side of a state store.
pub(crate) struct Holder<'a, S> {
    pub(crate) store: &'a S,
    pub(crate) seams: &'a Seams,
}

impl<S: StateStore> Holder<'_, S> {
    /// Claims `id`. The claim's nonce tells a claim whose reply was lost from somebody else's.
    pub(crate) async fn claim(&self, id: &WindowId, claim: &Claim) -> Result<Lease, NotWritten> {
        let mut tries = Tries::default();
        loop {
            match self.store.claim(id, claim).await {
                Ok(lease) => return Ok(lease),
                Err(error) => {
                    if let Some(current) = self.refused(error, &mut tries).await? {
                        return Lease::held(current, &claim.owner).ok_or(NotWritten::Fenced);
                    }
                }
            }
        }
    }

    /// Makes one page durable.
    pub(crate) async fn checkpoint(
        &self,
        lease: &Lease,
        checkpoint: &Checkpoint,
    ) -> Result<Lease, NotWritten> {
        let mut tries = Tries::default();
        loop {
            match self.store.checkpoint(lease, checkpoint).await {
                Ok(lease) => return Ok(lease),
                Err(error) => {
                    if let Some(current) = self.refused(error, &mut tries).await? {
                        let applied = lease.confirms_page(&current, checkpoint.to())
                            && current.cursor == checkpoint.cursor;
                        let held = applied.then(|| Lease::held(current, lease.owner()));
                        return held.flatten().ok_or(NotWritten::Fenced);
                    }
                }
            }
        }
    }

    /// Makes the last page durable and finishes the window.
    pub(crate) async fn complete(
        &self,
        lease: &Lease,
        last: &Checkpoint,
        history_ms: i64,
    ) -> Result<Window, NotWritten> {
        let mut tries = Tries::default();
        loop {
            match self.store.complete(lease, last, history_ms).await {
                Ok(window) => return Ok(window),
                Err(error) => {
                    if let Some(current) = self.refused(error, &mut tries).await? {
                        return handed_over(current, lease, Status::Done);
                    }
                }
            }
        }
    }

    /// Gives the window back.
    pub(crate) async fn release(
        &self,
        lease: &Lease,
        release: &Release,
    ) -> Result<Window, NotWritten> {
        let mut tries = Tries::default();
        loop {
            match self.store.release(lease, release).await {
                Ok(window) => return Ok(window),
                Err(error) => {
                    if let Some(current) = self.refused(error, &mut tries).await? {
                        return handed_over(current, lease, Status::Ready);
                    }
                }
            }
        }
    }

    /// Makes `call`, which may be repeated without harm, until the store answers.
    pub(crate) async fn insist<T, F>(&self, call: impl Fn() -> F) -> Result<T, NotWritten>
    where
        F: Future<Output = Result<T, StateError>>,
    {
        let mut tries = Tries::default();
        loop {
            match call().await {
                Ok(answer) => return Ok(answer),
                Err(error) => self.pause(error, &mut tries).await?,
            }
        }
    }

    /// What an error leaves to do: the window as it stands when the write was refused, which decides
    /// whether an earlier try was applied; `None`, after a pause, when the write is to be repeated.
    async fn refused(
        &self,
        error: MoveError,
        tries: &mut Tries,
    ) -> Result<Option<Window>, NotWritten> {
        match error {
            MoveError::Refused { current, .. } => Ok(Some(*current)),
            MoveError::NotFound(_) => Err(NotWritten::Fenced),
            MoveError::Store(error) => self.pause(error, tries).await.map(|()| None),
        }
    }

    /// Waits before the next try, or gives up: on an error that no try can mend, or after the last.
    async fn pause(&self, error: StateError, tries: &mut Tries) -> Result<(), NotWritten> {
        let may_pass = matches!(error, StateError::Unavailable(_) | StateError::Unknown(_));
        let Some(delay_ms) = tries.next_delay_ms().filter(|_| may_pass) else {
            return Err(NotWritten::Failed(error));
        };
        tracing::warn!(%error, delay_ms, "state call tried again");
        self.seams.clock.sleep(delay_ms).await;
        Ok(())
    }
}

/// The tries of one call.
#[derive(Default)]
struct Tries(usize);

impl Tries {
    /// How long to wait before the next try: doubles each time. `None` after the last one.
    fn next_delay_ms(&mut self) -> Option<i64> {
        let doubled = self.0.min(16);
        self.0 += 1;
        (self.0 < limits::STATE_TRIES_MAX).then(|| limits::WRITE_DELAY_MIN_MS << doubled)
    }
}

/// Whether `current` is what `lease` becomes by being handed over once. Only the holder hands a
/// running window to `done`, and nobody else can have raised the epoch by one and left it ready
/// without the holder's release, unless the lease ran out: then there is nothing left to write.
fn handed_over(current: Window, lease: &Lease, status: Status) -> Result<Window, NotWritten> {
    let ours = current.status == status && current.epoch == lease.window().epoch + 1;
    ours.then_some(current).ok_or(NotWritten::Fenced)
}
