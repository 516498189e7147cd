//! The requests to a vendor, in order, with their responses.

use std::collections::{BTreeMap, BTreeSet};

use super::Fault;

/// A window in the vendor's view: the two requested bounds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowKey {
    /// The requested start.
    pub from: String,
    /// The requested end.
    pub to: String,
}

/// The response to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Served {
    /// A page of records.
    Page {
        /// The window of the page.
        window: WindowKey,
        /// Number of the window's records before the page.
        offset: usize,
        /// Number of records in the page.
        records: usize,
    },
    /// A fault; [`Fault::Stall`] is a page and logged as one.
    Fault {
        /// The window of the requested page.
        window: WindowKey,
        /// The injected fault.
        fault: Fault,
    },
    /// An error with this status, because the request was invalid.
    Refused(u16),
    /// A redirect.
    Redirected,
    /// An access token.
    Token,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Number of its run; see [`super::Vendor::next_run`].
    pub run: u32,
    /// Its path.
    pub path: String,
    /// Its query, decoded, in the order sent.
    pub query: Vec<(String, String)>,
    /// Its `Authorization` header.
    pub authorization: Option<String>,
    /// The response to the request.
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

    /// All requests.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Requests with a page as response: run, window and records before the page.
    pub fn pages(&self) -> impl Iterator<Item = (u32, &WindowKey, usize)> {
        self.entries.iter().filter_map(|entry| match &entry.served {
            Served::Page { window, offset, .. } => Some((entry.run, window, *offset)),
            _ => None,
        })
    }

    /// The number of requests other than token requests, whatever their response.
    pub fn asked(&self) -> usize {
        self.entries
            .iter()
            .filter(|entry| entry.served != Served::Token)
            .count()
    }

    /// The number of times that each page was served.
    pub fn page_fetches(&self) -> BTreeMap<(WindowKey, usize), usize> {
        let mut fetches = BTreeMap::new();
        for (_, window, offset) in self.pages() {
            *fetches.entry((window.clone(), offset)).or_default() += 1;
        }
        fetches
    }

    /// The number of pages served for each window, repeats included.
    pub fn fetches_by_window(&self) -> BTreeMap<WindowKey, usize> {
        let mut fetches = BTreeMap::new();
        for (_, window, _) in self.pages() {
            *fetches.entry(window.clone()).or_default() += 1;
        }
        fetches
    }

    /// For each run and window, the number of pages that an earlier run had already fetched.
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

    /// The number of pages served more than once in the same run.
    pub fn repeated_within_a_run(&self) -> usize {
        let mut seen = BTreeSet::new();
        self.pages().filter(|page| !seen.insert(*page)).count()
    }

    /// The invalid requests.
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
    fn refetched_and_repeated_pages_differ_by_run() {
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
    fn pages_of_different_windows_differ() {
        let log = log(&[(1, "a", 0), (2, "b", 0)]);
        assert!(log.refetched().is_empty());
        assert_eq!(log.page_fetches().len(), 2);
    }
}
