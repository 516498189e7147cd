//! Trouble logged once per source: its workers meet the same one, window after window.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use windlass_core::ids::SourceName;

/// A trouble that is worth a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trouble {
    /// A window was released because of an error.
    SetBack,
    /// The source was blocked.
    Blocked,
}

/// The trouble logged for each source since it last completed a window.
#[derive(Debug, Default)]
pub(crate) struct LogOnce(Mutex<BTreeSet<(SourceName, Trouble)>>);

impl LogOnce {
    /// Returns true once per `trouble` of `source`.
    pub(crate) fn is_news(&self, source: &SourceName, trouble: Trouble) -> bool {
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        logged.insert((source.clone(), trouble))
    }

    /// Forgets the trouble of a source that works again.
    pub(crate) fn forget(&self, source: &SourceName) {
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        logged.retain(|(name, _)| name != source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_logged_once_until_recovery() {
        let logged = LogOnce::default();
        let (a, b) = ("a".parse().unwrap(), "b".parse().unwrap());
        assert!(logged.is_news(&a, Trouble::SetBack));
        assert!(!logged.is_news(&a, Trouble::SetBack));
        assert!(logged.is_news(&a, Trouble::Blocked));
        assert!(logged.is_news(&b, Trouble::SetBack));
        logged.forget(&a);
        assert!(logged.is_news(&a, Trouble::SetBack));
        assert!(!logged.is_news(&b, Trouble::SetBack));
    }
}
