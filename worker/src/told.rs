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
pub(crate) struct Told(Mutex<BTreeSet<(SourceName, Trouble)>>);

impl Told {
    /// Returns true once per `trouble` of `source`.
    pub(crate) fn is_news(&self, source: &SourceName, trouble: Trouble) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.insert((source.clone(), trouble))
    }

    /// Forgets the trouble of a source that works again.
    pub(crate) fn forget(&self, source: &SourceName) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|(name, _)| name != source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_logged_once_until_recovery() {
        let told = Told::default();
        let (a, b) = ("a".parse().unwrap(), "b".parse().unwrap());
        assert!(told.is_news(&a, Trouble::SetBack));
        assert!(!told.is_news(&a, Trouble::SetBack));
        assert!(told.is_news(&a, Trouble::Blocked));
        assert!(told.is_news(&b, Trouble::SetBack));
        told.forget(&a);
        assert!(told.is_news(&a, Trouble::SetBack));
        assert!(!told.is_news(&b, Trouble::SetBack));
    }
}
