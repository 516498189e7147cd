//! The lease holder's calls to the state, retried until their outcome is known.

use windlass_core::ids::WindowId;
use windlass_core::lease::Lease;
use windlass_core::limits;
use windlass_core::moves::Move;
use windlass_core::transition::Claim;
use windlass_core::window::Window;
use windlass_state::{MoveError, StateError, StateStore};

use crate::Seams;

/// The reason why a holder's write did not apply.
#[derive(Debug)]
pub(crate) enum NotWritten {
    /// Another worker owns the window.
    Fenced,
    /// The store failed on every try.
    Failed(StateError),
}

/// The holder's side of a state store.
pub(crate) struct Holder<'a, S> {
    pub(crate) store: &'a S,
    pub(crate) seams: &'a Seams,
}

impl<S: StateStore> Holder<'_, S> {
    /// Claims `id`. The claim's nonce distinguishes a claim whose response was lost from another
    /// worker's.
    pub(crate) async fn claim(&self, id: &WindowId, claim: &Claim) -> Result<Lease, NotWritten> {
        let window = self.make(&Move::Claim(id, claim)).await?;
        Lease::held(window, &claim.owner).ok_or(NotWritten::Fenced)
    }

    /// Makes the move `asked`, again while its outcome is unknown.
    pub(crate) async fn make(&self, asked: &Move<'_>) -> Result<Window, NotWritten> {
        let mut tries = Tries::default();
        loop {
            match self.store.move_window(asked).await {
                Ok(window) => return Ok(window),
                Err(MoveError::Refused { current, .. }) if asked.was_made(&current) => {
                    return Ok(*current);
                }
                Err(MoveError::Refused { .. } | MoveError::NotFound(_)) => {
                    return Err(NotWritten::Fenced);
                }
                Err(MoveError::Store(error)) => self.pause(error, &mut tries).await?,
            }
        }
    }

    /// Makes `call`, which is idempotent, until the store responds.
    pub(crate) async fn insist<T, F>(&self, call: impl Fn() -> F) -> Result<T, NotWritten>
    where
        F: Future<Output = Result<T, StateError>>,
    {
        let mut tries = Tries::default();
        loop {
            match call().await {
                Ok(response) => return Ok(response),
                Err(error) => self.pause(error, &mut tries).await?,
            }
        }
    }

    /// Waits before the next try. Fails on a permanent error, or after the last try.
    async fn pause(&self, error: StateError, tries: &mut Tries) -> Result<(), NotWritten> {
        let may_pass = matches!(error, StateError::Unavailable(_) | StateError::Unknown(_));
        let Some(delay_ms) = tries.next_delay_ms().filter(|_| may_pass) else {
            return Err(NotWritten::Failed(error));
        };
        tracing::warn!(%error, delay_ms, "state call retried");
        self.seams.clock.sleep(delay_ms).await;
        Ok(())
    }
}

/// The tries of one call.
#[derive(Default)]
struct Tries(usize);

impl Tries {
    /// Milliseconds before the next try: doubles each time. `None` after the last one.
    fn next_delay_ms(&mut self) -> Option<i64> {
        let doubled = self.0.min(16);
        self.0 += 1;
        (self.0 < limits::STATE_TRIES_MAX).then(|| limits::WRITE_DELAY_MIN_MS << doubled)
    }
}
