use std::collections::BTreeMap;
use std::time::Duration;

use windlass_connectors::connector::{Connector, Page, Settings};
use windlass_connectors::exchange::Failure;
use windlass_connectors::manifest::Manifest;
use windlass_core::Span;
use windlass_core::retry::FailureClass;
use windlass_core::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};

use super::spec::{RateLimit, Retention, RetentionResponse, Rule, Shape, TokenKind};
use super::*;

/// A source of a vendor, requested as a worker does.
pub(super) struct Source {
    pub(super) vendor: Arc<Vendor>,
    connector: Connector,
}

pub(super) fn source(spec: VendorSpec, seed: u64) -> Source {
    let vendor = Vendor::new(spec, seed);
    let connector = compiled(&vendor, 0);
    Source { vendor, connector }
}

fn compiled(vendor: &Vendor, feed: u32) -> Connector {
    let manifest = Manifest::load("vendor.yaml", &vendor.manifest()).unwrap();
    let settings = Settings {
        params: vendor.params(feed),
        ..Settings::default()
    };
    Connector::compile(&manifest, &settings).unwrap()
}

impl Source {
    pub(super) async fn fetch(&self, span: Span, token: Option<&str>) -> Result<Page, Failure> {
        let request = self.connector.request(span, token)?;
        let mut http = request.http().clone();
        let (header, prefix) = self.vendor.spec().credential();
        http.set_header(header, format!("{prefix}{}", self.vendor.secret()));
        let response = self.vendor.transport().send(&http).await;
        let response = response.map_err(|error| {
            let class = FailureClass::Outage;
            Failure::new(class, error.to_string())
        })?;
        self.connector.read(&request, &response, true_time::now())
    }

    /// The ids of a window, page by page, and the number of pages.
    async fn window(&self, span: Span, found: &mut BTreeMap<String, u64>) -> usize {
        let (mut token, mut pages) = (None::<String>, 0);
        loop {
            let page = self.fetch(span, token.as_deref()).await.unwrap();
            pages += 1;
            for record in &page.records {
                *found.entry(record.id.clone().unwrap()).or_default() += 1;
            }
            token = page.next.token().map(str::to_owned);
            if token.is_none() {
                return pages;
            }
        }
    }

    /// All time as one span.
    pub(super) fn all(&self) -> Span {
        let spec = self.vendor.spec();
        let from = true_time::WORLD_EPOCH.minus_ms(spec.history_ms + HOUR_MS);
        let to = true_time::WORLD_EPOCH.plus_ms(spec.length_ms + HOUR_MS);
        Span::new(from, to).unwrap()
    }
}

/// Adjacent windows of many widths over `all`.
fn windows(all: Span, unit_ms: i64, rng: &mut fastrand::Rng) -> Vec<Span> {
    let (mut windows, mut from) = (Vec::new(), all.from());
    while from < all.to() {
        let width_ms = *rng
            .choice(&[MINUTE_MS, 5 * MINUTE_MS, HOUR_MS, 5 * HOUR_MS, DAY_MS])
            .unwrap();
        let to = from.plus_ms(width_ms).floor_to(unit_ms).min(all.to());
        windows.push(Span::new(from, to).unwrap());
        from = to;
    }
    windows
}

/// Advances the world by `ms` milliseconds.
pub(super) async fn pass(ms: i64) {
    tokio::time::advance(Duration::from_millis(u64::try_from(ms).unwrap())).await;
}

fn expected(vendor: &Vendor, feed: u32) -> BTreeMap<String, u64> {
    let of_feed = vendor.truth().iter().filter(|it| it.feed == feed);
    of_feed
        .map(|it| (it.id.clone(), u64::from(it.copies)))
        .collect()
}

#[test]
fn every_drawn_vendor_matches_its_manifest() {
    for seed in 0..400 {
        let spec = VendorSpec::draw(&mut fastrand::Rng::with_seed(seed));
        let text = manifest::manifest(&spec);
        let manifest = Manifest::load("vendor.yaml", &text);
        let manifest = manifest.unwrap_or_else(|error| panic!("{seed}: {error}\n{text}"));
        let connector = Connector::compile(&manifest, &Settings::default()).unwrap();
        let defaults = connector.defaults();
        assert_eq!(defaults.unit_ms, spec.unit_ms, "{seed}");
        assert_eq!(defaults.settle_ms, spec.settle_ms, "{seed}");
        assert_eq!(defaults.sweeps_ms, spec.sweeps_ms, "{seed}");
        assert_eq!(defaults.prefetch, !spec.single_use, "{seed}");
        assert_eq!(defaults.strict_order.is_some(), spec.strict, "{seed}");
        let declared = spec.rate_limit.and_then(|limit| limit.declared);
        assert_eq!(defaults.requests_per_minute, declared, "{seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn paging_returns_every_record_of_world() {
    true_time::begin();
    let rng = &mut fastrand::Rng::with_seed(5);
    for shape in Shape::ALL {
        for (rules, token) in (0..8).zip([TokenKind::After, TokenKind::Snapshot].iter().cycle()) {
            let mut spec = VendorSpec::plain(shape);
            spec.start = [Rule::Inclusive, Rule::Exclusive][rules & 1];
            spec.end = [Rule::Inclusive, Rule::Exclusive][rules >> 1 & 1];
            spec.documented = rules >> 2 == 0;
            spec.finer = spec.may_be_finer();
            spec.token = *token;
            spec.feeds = 2;
            spec.events = 400;
            spec.page_size = 7;
            (spec.twice_per_mille, spec.empty_per_mille) = (50, 50);
            (spec.history_ms, spec.length_ms) = (20 * HOUR_MS, 0);
            let source = source(spec, rng.u64(..));
            pass(DAY_MS).await;
            let mut found = BTreeMap::new();
            for window in windows(source.all(), source.vendor.spec().unit_ms, rng) {
                source.window(window, &mut found).await;
            }
            let what = format!("{shape:?}, rules {rules:b}");
            assert_eq!(found, expected(&source.vendor, 0), "{what}");
            assert_eq!(source.vendor.violations(), Vec::<String>::new(), "{what}");
            true_time::begin();
        }
    }
}

/// The responses to a client that repeats its requests in spite of errors.
async fn seen(seed: u64) -> (Vec<String>, BTreeMap<&'static str, u64>) {
    true_time::begin();
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut spec = VendorSpec::draw(&mut rng);
    (spec.faults_per_mille, spec.max_span_ms) = (300, None);
    let source = source(spec, seed);
    let all = source.all();
    let mut seen = Vec::new();
    let mut token = None;
    for _ in 0..60 {
        let page = source.fetch(all, token.as_deref()).await;
        let text = match &page {
            Ok(page) => format!("{:?}", page.records),
            Err(failure) => failure.to_string(),
        };
        seen.push(format!("{} {text}", true_time::now()));
        token = page
            .ok()
            .and_then(|page| page.next.token().map(str::to_owned));
    }
    (seen, source.vendor.faults())
}

#[tokio::test(start_paused = true)]
async fn responses_and_times_follow_seed() {
    for seed in 0..20 {
        let first = seen(seed).await;
        assert!(!first.1.is_empty(), "{seed}: nothing struck");
        assert_eq!(first, seen(seed).await, "{seed}");
        assert_ne!(first, seen(seed + 1).await, "{seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_fault_is_counted_with_declared_class() {
    for shape in Shape::ALL {
        for fault in Fault::of(shape) {
            true_time::begin();
            let class = match fault {
                Fault::RetrySeconds | Fault::RetryDate | Fault::RetryBare | Fault::Quota => {
                    Some(FailureClass::Rate)
                }
                Fault::Error500
                | Fault::Error503
                | Fault::Connect
                | Fault::Reset
                | Fault::Stall => Some(FailureClass::Outage),
                Fault::Truncated | Fault::Garbage | Fault::Html | Fault::Stranger => {
                    Some(FailureClass::Page)
                }
                Fault::TokenRejected | Fault::TokenStuck => Some(FailureClass::Restart),
                Fault::Unauthorized => Some(FailureClass::Block),
                // The latter is detected by a client that remembers tokens.
                Fault::Slow | Fault::TokenCycle => None,
            };
            let mut spec = VendorSpec::plain(shape);
            spec.echoes = true;
            let source = source(spec, 3);
            pass(DAY_MS).await;
            let all = source.all();
            let first = source.fetch(all, None).await.unwrap().next;
            let second = source.fetch(all, first.token()).await.unwrap().next;
            let until = true_time::now().plus_ms(HOUR_MS);
            source.vendor.trouble(fault, until);
            let met = source.fetch(all, second.token()).await;
            let what = format!("{shape:?} {fault:?}: {met:?}");
            assert_eq!(met.as_ref().err().map(|it| it.class), class, "{what}");
            assert_eq!(source.vendor.faults()[fault.name()], 1, "{what}");
            if fault == Fault::TokenCycle {
                let next = met.unwrap().next;
                assert!(next == first || next == second, "{what}");
            }
            source.vendor.quiet();
            assert!(source.fetch(all, second.token()).await.is_ok(), "{what}");
            assert!(source.vendor.violations().is_empty(), "{what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn link_echoing_credential_is_followed_without_it() {
    true_time::begin();
    let mut spec = VendorSpec::plain(Shape::Okta);
    spec.echoes = true;
    let source = source(spec, 3);
    let mut found = BTreeMap::new();
    assert!(source.window(source.all(), &mut found).await > 2);
    assert!(source.vendor.violations().is_empty());
}

#[tokio::test(start_paused = true)]
async fn request_above_declared_rate_is_violation() {
    for declared in [None, Some(18)] {
        true_time::begin();
        let mut spec = VendorSpec::plain(Shape::Unordered);
        spec.rate_limit = Some(RateLimit {
            per_minute: 20,
            declared,
        });
        let source = source(spec, 3);
        let all = source.all();
        for _ in 0..20 {
            let page = source.fetch(all, None).await.unwrap();
            assert!(page.quota.unwrap().remaining < 20);
        }
        let refused = source.fetch(all, None).await.unwrap_err();
        assert_eq!(refused.class, FailureClass::Rate);
        let wait_ms = refused.wait_ms.unwrap();
        assert!(0 < wait_ms && wait_ms <= MINUTE_MS, "{wait_ms}");
        assert_eq!(source.vendor.violations().is_empty(), declared.is_none());
        pass(MINUTE_MS).await;
        assert!(source.fetch(all, None).await.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn record_is_readable_from_publication_to_retention() {
    true_time::begin();
    let mut spec = VendorSpec::plain(Shape::Google);
    (spec.late_per_mille, spec.page_size) = (100, 10_000);
    spec.retention = Some(Retention {
        kept_ms: 3 * DAY_MS,
        response: RetentionResponse::Omitted,
    });
    let source = source(spec, 3);
    let all = source.all();
    for _ in 0..5 {
        let mut found = BTreeMap::new();
        source.window(all, &mut found).await;
        let now = true_time::now();
        let kept = now.minus_ms(3 * DAY_MS);
        // The request arrived a little earlier than its response.
        let near = |time: Timestamp, at: Timestamp| time.ms_since(at).abs() < SECOND_MS;
        for it in source.vendor.truth() {
            let there = it.published_at <= now && it.time >= kept;
            let unsure = near(it.published_at, now) || near(it.time, kept);
            assert!(
                unsure || found.contains_key(&it.id) == there,
                "{it:?} at {now}"
            );
        }
        pass(DAY_MS).await;
    }
}

#[tokio::test(start_paused = true)]
async fn expired_and_oversized_spans_are_rejected() {
    true_time::begin();
    let mut spec = VendorSpec::plain(Shape::Okta);
    spec.retention = Some(Retention {
        kept_ms: DAY_MS,
        response: RetentionResponse::Refused,
    });
    spec.span_records_max = Some(40);
    let source = source(spec, 3);
    let all = source.all();
    pass(12 * HOUR_MS).await;
    let too_many = source.fetch(all, None).await.unwrap_err();
    assert_eq!(too_many.class, FailureClass::Split);
    pass(5 * DAY_MS).await;
    let too_old = source.fetch(all, None).await.unwrap_err();
    assert_eq!(too_old.class, FailureClass::Block);
    assert!(source.vendor.violations().is_empty());
}

#[tokio::test(start_paused = true)]
async fn forbidden_requests_are_violations() {
    true_time::begin();
    let mut spec = VendorSpec::plain(Shape::Slack);
    spec.max_span_ms = Some(2 * HOUR_MS);
    let source = source(spec, 3);
    let span = |ms| Span::new(true_time::WORLD_EPOCH, true_time::WORLD_EPOCH.plus_ms(ms)).unwrap();
    let said = || source.vendor.violations().len();
    assert!(source.fetch(span(HOUR_MS), None).await.is_ok());
    assert_eq!(said(), 0);
    assert!(source.fetch(span(3 * HOUR_MS), None).await.is_err());
    assert_eq!(said(), 1, "wider than the vendor answers");
    assert!(
        source
            .fetch(span(HOUR_MS), Some("o.0.0.0.0.0.0"))
            .await
            .is_err()
    );
    assert_eq!(said(), 2, "the token of another request");
    let request = source.connector.request(span(HOUR_MS), None).unwrap();
    let mut request = request.http().clone();
    let response = source.vendor.transport().send(&request).await.unwrap();
    assert_eq!((response.status, said()), (200, 3), "no credential");
    request
        .url
        .query_pairs_mut()
        .append_pair("key", source.vendor.secret());
    drop(source.vendor.transport().send(&request).await);
    assert!(source.vendor.violations()[3].contains("where it can be stored"));
}

#[tokio::test(start_paused = true)]
async fn records_form_bursts_ties_and_late_arrivals() {
    true_time::begin();
    let mut spec = VendorSpec::plain(Shape::Unordered);
    (spec.events, spec.late_per_mille, spec.twice_per_mille) = (4_000, 10, 10);
    let (settle_ms, late_ms) = (spec.settle_ms, spec.late_ms.clone());
    let vendor = Vendor::new(spec, 11);
    let truth = vendor.truth();
    assert!((3_000..6_000).contains(&truth.len()), "{}", truth.len());
    let mut ids: Vec<_> = truth.iter().map(|it| &it.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), truth.len());
    let mut minutes = BTreeMap::<Timestamp, usize>::new();
    let mut instants = BTreeMap::<Timestamp, usize>::new();
    let (mut late, mut on_hours) = (0, 0);
    for it in truth {
        *minutes.entry(it.time.floor_to(MINUTE_MS)).or_default() += 1;
        *instants.entry(it.time).or_default() += 1;
        on_hours += usize::from(it.time.is_multiple_of(HOUR_MS));
        let lag_ms = it.published_at.ms_since(it.time);
        if lag_ms < settle_ms {
            assert!(lag_ms >= 0);
        } else {
            assert!(late_ms.contains(&lag_ms));
            late += 1;
        }
    }
    assert!((10..120).contains(&late), "{late}");
    assert!(on_hours > 20, "{on_hours}");
    let densest = minutes.values().max().unwrap();
    assert!(*densest > 50, "{densest} records in the densest minute");
    let together = instants.values().max().unwrap();
    assert!(
        *together > vendor.spec().page_size,
        "{together} at one instant"
    );
    assert!(minutes.len() < 24 * 60 * 2, "no quiet minutes");
}
