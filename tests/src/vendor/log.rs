//! What a vendor was asked, in order, and what it answered.

use std::collections::{BTreeMap, BTreeSet};

use super::Fault;

/// A window as a vendor sees it: the two bounds as they were asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowKey {
    /// The start asked for.
    pub from: String,
    /// The end asked for.
    pub to: String,
}

/// How a request was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Served {
    /// With a page.
    Page {
        /// Of this window.
        window: WindowKey,
        /// After this many records of it.
        offset: usize,
        /// With this many.
        records: usize,
    },
    /// With trouble; [`Fault::Stall`] is a page and logged as one.
    Fault {
        /// A page of this window was asked for.
        window: WindowKey,
        /// What struck.
        fault: Fault,
    },
    /// With an error because the request was wrong.
    Refused(u16),
    /// With a redirect.
    Redirected,
    /// With an access token.
    Token,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Of which run; see [`super::Vendor::next_run`].
    pub run: u32,
    /// Its path.
    pub path: String,
    /// Its query, decoded, in the order sent.
    pub query: Vec<(String, String)>,
    /// Its `Authorization` header.
    pub authorization: Option<String>,
    /// How it was answered.
    pub served: Served,
}

/// Every request, in order.
#[derive(Debug, Clone, Default)]
pub struct Log {
    entries: Vec<Entry>,
}

impl Log {
    pub(super) fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// All of them.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Requests answered with a page: run, window and records before the page.
    pub fn pages(&self) -> impl Iterator<Item = (u32, &WindowKey, usize)> {
        self.entries.iter().filter_map(|entry| match &entry.served {
            Served::Page { window, offset, .. } => Some((entry.run, window, *offset)),
            _ => None,
        })
    }

    /// Requests that were not for a token, whatever became of them.
    pub fn asked(&self) -> usize {
        self.entries
            .iter()
            .filter(|entry| entry.served != Served::Token)
            .count()
    }

    /// How often each page was served.
    pub fn page_fetches(&self) -> BTreeMap<(WindowKey, usize), usize> {
        let mut fetches = BTreeMap::new();
        for (_, window, offset) in self.pages() {
            *fetches.entry((window.clone(), offset)).or_default() += 1;
        }
        fetches
    }

    /// How many pages of each window were served, repeats included.
    pub fn fetches_by_window(&self) -> BTreeMap<WindowKey, usize> {
        let mut fetches = BTreeMap::new();
        for (_, window, _) in self.pages() {
            *fetches.entry(window.clone()).or_default() += 1;
        }
        fetches
    }

    /// For each run and window, the pages served in that run that an earlier run had been served.
    pub fn refetched(&self) -> BTreeMap<(u32, WindowKey), usize> {
        let mut first_run: BTreeMap<(&WindowKey, usize), u32> = BTreeMap::new();
        let mut refetched = BTreeMap::new();
        for (run, window, offset) in self.pages() {
            let first = *first_run.entry((window, offset)).or_insert(run);
            if first < run {
                *refetched.entry((run, window.clone())).or_default() += 1;
            }
        }
        refetched
    }

    /// The pages served more than once in one and the same run.
    pub fn repeated_within_a_run(&self) -> usize {
        let mut seen = BTreeSet::new();
        self.pages().filter(|page| !seen.insert(*page)).count()
    }

    /// The requests refused as wrong.
    pub fn refused(&self) -> impl Iterator<Item = &Entry> {
        self.entries
            .iter()
            .filter(|entry| matches!(entry.served, Served::Refused(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(pages: &[(u32, &str, usize)]) -> Log {
        let mut log = Log::default();
        for (run, from, offset) in pages {
            let window = WindowKey {
                from: (*from).to_owned(),
                to: String::new(),
            };
            log.push(Entry {
                run: *run,
                path: String::new(),
                query: Vec::new(),
                authorization: None,
                served: Served::Page {
                    window,
                    offset: *offset,
                    records: 1,
                },
            });
        }
        log
    }

    #[test]
    fn a_page_served_again_in_a_later_run_is_refetched_and_in_the_same_run_repeated() {
        let log = log(&[
            (1, "a", 0),
            (1, "a", 1),
            (2, "a", 1),
            (2, "a", 2),
            (2, "a", 2),
        ]);
        let window = WindowKey {
            from: "a".to_owned(),
            to: String::new(),
        };
        assert_eq!(log.refetched(), BTreeMap::from([((2, window.clone()), 1)]));
        assert_eq!(log.repeated_within_a_run(), 1);
        assert_eq!(log.page_fetches()[&(window.clone(), 1)], 2);
        assert_eq!(log.fetches_by_window()[&window], 5);
    }

    #[test]
    fn pages_of_different_windows_are_different_pages() {
        let log = log(&[(1, "a", 0), (2, "b", 0)]);
        assert!(log.refetched().is_empty());
        assert_eq!(log.page_fetches().len(), 2);
    }
}
