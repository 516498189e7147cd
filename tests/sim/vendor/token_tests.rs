use std::collections::BTreeMap;

use windlass_connectors::connector::Page;
use windlass_core::retry::FailureClass;
use windlass_core::time::{DAY_MS, HOUR_MS, MINUTE_MS};

use super::spec::{Shape, TokenKind};
use super::tests::{pass, source};
use super::{VendorSpec, true_time};

#[tokio::test(start_paused = true)]
async fn tokens_expire_and_some_work_once() {
    true_time::begin();
    let mut spec = VendorSpec::plain(Shape::Slack);
    spec.token_ttl_ms = Some(10 * MINUTE_MS);
    spec.single_use = true;
    let source = source(spec, 3);
    let all = source.all();
    let token = source.fetch(all, None).await.unwrap().next;
    assert!(source.fetch(all, token.token()).await.is_ok());
    let again = source.fetch(all, token.token()).await.unwrap_err();
    assert_eq!(again.class, FailureClass::Restart);
    let token = source.fetch(all, None).await.unwrap().next;
    pass(11 * MINUTE_MS).await;
    let late = source.fetch(all, token.token()).await.unwrap_err();
    assert_eq!(late.class, FailureClass::Restart);
    let faults = source.vendor.faults();
    assert_eq!(faults["vendor_token_used_again"], 1);
    assert_eq!(faults["vendor_token_expired"], 1);
    assert!(source.vendor.violations().is_empty());
}

#[tokio::test(start_paused = true)]
async fn resent_token_skips_page_for_skipping_vendor() {
    true_time::begin();
    let mut spec = VendorSpec::plain(Shape::Unordered);
    (spec.single_use, spec.skips) = (true, true);
    let source = source(spec, 3);
    let all = source.all();
    let ids = |page: &Page| -> Vec<_> { page.records.iter().map(|it| it.id.clone()).collect() };
    let token = source.fetch(all, None).await.unwrap().next;
    let second = source.fetch(all, token.token()).await.unwrap();
    let again = source.fetch(all, token.token()).await.unwrap();
    let third = source.fetch(all, second.next.token()).await.unwrap();
    assert_eq!(ids(&again), ids(&third));
    assert!(ids(&again) != ids(&second) && source.vendor.violations().is_empty());
    assert_eq!(source.vendor.faults()["vendor_page_skipped"], 1);
}

#[tokio::test(start_paused = true)]
async fn token_survives_records_published_around_it() {
    for (shape, token) in Shape::ALL
        .into_iter()
        .flat_map(|shape| [(shape, TokenKind::After), (shape, TokenKind::Snapshot)])
    {
        true_time::begin();
        let mut spec = VendorSpec::plain(shape);
        spec.token = token;
        spec.late_per_mille = 500;
        (spec.history_ms, spec.length_ms) = (DAY_MS, 0);
        let source = source(spec, 9);
        let begin = true_time::now();
        let (mut token, mut found) = (None::<String>, BTreeMap::<String, u64>::new());
        loop {
            let page = source.fetch(source.all(), token.as_deref()).await.unwrap();
            for record in page.records {
                *found.entry(record.id.unwrap()).or_default() += 1;
            }
            token = page.next.token().map(str::to_owned);
            if token.is_none() {
                break;
            }
            pass(HOUR_MS).await;
        }
        assert!(found.values().all(|times| *times == 1), "{shape:?}");
        let truth = source.vendor.truth().iter();
        let missing = truth.filter(|it| it.published_at <= begin && !found.contains_key(&it.id));
        assert_eq!(missing.count(), 0, "{shape:?}");
    }
}
