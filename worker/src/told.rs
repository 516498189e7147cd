//! Saying a trouble once: the workers of a source meet the same one, window after window.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use windlass_core::ids::SourceName;

/// A trouble that is worth a line in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trouble {
    /// A window was given back because of an error.
    SetBack,
    /// The source was blocked.
    Blocked,
}

/// What has been said of each source since a window of it was last done.
#[derive(Debug, Default)]
pub(crate) struct Told(Mutex<BTreeSet<(SourceName, Trouble)>>);

impl Told {
    /// Whether `trouble` of `source` has not been said yet; from now on it has.
    pub(crate) fn is_news(&self, source: &SourceName, trouble: Trouble) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.insert((source.clone(), trouble))
    }

    /// The source works again.
    pub(crate) fn forget(&self, source: &SourceName) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|(name, _)| name != source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_is_news_once_until_the_source_works_again() {
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
