use std::collections::BTreeSet;

use serde_json::Value;

use super::testing::*;
use super::*;

#[tokio::test]
async fn paging_gives_every_record_once_in_order() {
    for shape in Shape::ALL {
        let vendor = vendor(shape).await;
        let all = pull(&vendor).await;
        let ids: BTreeSet<_> = all
            .iter()
            .map(|record| shape.id_in(record).unwrap())
            .collect();
        assert_eq!(ids.len(), all.len());
        // Both bounds are inclusive, and two events lie exactly on the end.
        assert_eq!(all.len(), vendor.timeline().expected().count() + 2);
        let times: Vec<_> = all
            .iter()
            .map(|record| shape.time_in(record).unwrap())
            .collect();
        if shape.newest_first() {
            assert!(times.is_sorted_by(|a, b| a >= b));
        } else {
            assert!(times.is_sorted());
        }
        let pages = all.len().div_ceil(25);
        let log = vendor.log();
        assert_eq!(
            log.fetches_by_window().into_values().collect::<Vec<_>>(),
            [pages]
        );
        assert_eq!(
            *vendor.pages_served().borrow(),
            u64::try_from(pages).unwrap()
        );
        assert_eq!((log.repeated_within_a_run(), log.refused().count()), (0, 0));
    }
}

#[tokio::test]
async fn records_follow_timeline_and_requested_size() {
    for shape in Shape::ALL {
        let vendor = vendor(shape).await;
        let event = vendor.timeline().events()[40];
        let text = shape.record(&event, 850);
        assert!((850..900).contains(&text.len()), "{}", text.len());
        let record: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(shape.id_in(&record), Some(shape.id_of(&event).as_str()));
        assert_eq!(shape.time_in(&record), Some(event.time));
        assert!(pull(&vendor).await.contains(&record));
    }
}

#[tokio::test]
async fn each_bound_rule_is_available() {
    for shape in Shape::ALL {
        for bounds in Bounds::ALL {
            let settings = Settings {
                bounds,
                ..Settings::new(shape, 1_000)
            };
            let vendor = Vendor::start(settings, timeline()).await;
            let span = vendor.timeline().span();
            let all = pull(&vendor).await;
            let at = |time| {
                all.iter()
                    .filter(|record| shape.time_in(record) == Some(time))
                    .count()
            };
            assert_eq!(at(span.from()), if bounds.start_inclusive { 2 } else { 0 });
            assert_eq!(at(span.to()), if bounds.end_inclusive { 2 } else { 0 });
        }
    }
}

#[tokio::test]
async fn token_with_other_parameters_is_rejected() {
    for shape in Shape::ALL {
        let vendor = vendor(shape).await;
        let authorization = authorization(&vendor).await;
        let first = first_page(&vendor);
        let response = get(&vendor, &first, &authorization).await;
        let second = next_page(&vendor, &first, &response).unwrap();
        let once = get(&vendor, &second, &authorization).await;
        let again = get(&vendor, &second, &authorization).await;
        assert_eq!((once.status, &once.body), (200, &again.body));
        let other = get(&vendor, &second.replace("=1000", "=999"), &authorization).await;
        assert_eq!(other.status, 400);
        assert!(other.body.contains("Invalid pageToken"));
        assert_eq!(vendor.log().repeated_within_a_run(), 1);
    }
}

#[tokio::test]
async fn google_omits_items_of_empty_page() {
    let vendor = vendor(Shape::Google).await;
    let authorization = authorization(&vendor).await;
    let path = google::PATH;
    let empty = "startTime=2001-01-01T00:00:00Z&endTime=2001-01-02T00:00:00Z";
    let response = get(
        &vendor,
        &format!("{path}?{empty}&prettyPrint=false"),
        &authorization,
    )
    .await;
    assert!(response.json().get("items").is_none() && !response.body.contains('\n'));
    let pretty = get(&vendor, &format!("{path}?{empty}"), &authorization).await;
    assert!(pretty.body.contains('\n'));
    assert_eq!(pretty.json(), response.json());
}

#[tokio::test]
async fn okta_links_use_requested_host_until_last_page() {
    let vendor = vendor(Shape::Okta).await;
    let authorization = authorization(&vendor).await;
    let first = first_page(&vendor);
    let response = get(&vendor, &first, &authorization).await;
    assert_eq!(
        response.link("self"),
        Some(format!("{}{first}", vendor.uri()).as_str())
    );
    let mut target = next_page(&vendor, &first, &response);
    let mut last = response;
    while let Some(next) = target {
        last = get(&vendor, &next, &authorization).await;
        target = next_page(&vendor, &first, &last);
    }
    assert!(last.link("self").is_some() && last.link("next").is_none());
    assert!(last.head.to_lowercase().contains("\r\ndate: "));
}

#[tokio::test]
async fn wrong_credentials_and_requests_are_rejected_and_logged() {
    for shape in Shape::ALL {
        let vendor = vendor(shape).await;
        let first = first_page(&vendor);
        assert_eq!(get(&vendor, &first, "Bearer guess").await.status, 401);
        let authorization = authorization(&vendor).await;
        let reversed = match shape {
            Shape::Google => first
                .replace("startTime", "x")
                .replace("endTime", "startTime"),
            Shape::Okta => first.replace("since", "x").replace("until", "since"),
        };
        assert_eq!(get(&vendor, &reversed, &authorization).await.status, 400);
        let greedy = first.replace("=1000", "=1001");
        assert_eq!(get(&vendor, &greedy, &authorization).await.status, 400);
        assert_eq!(get(&vendor, "/elsewhere", &authorization).await.status, 404);
        let log = vendor.log();
        assert_eq!(log.refused().count(), 4);
        assert_eq!(
            log.entries()[0].authorization.as_deref(),
            Some("Bearer guess")
        );
    }
}

#[tokio::test]
async fn only_assertion_gets_access_token() {
    let vendor = vendor(Shape::Google).await;
    for body in [
        "",
        "grant_type=client_credentials&assertion=a.b.c",
        "grant_type=x-jwt-bearer",
    ] {
        let response = grant(&vendor, body).await;
        assert_eq!(
            (response.status, response.body.contains("invalid_grant")),
            (400, true)
        );
    }
}

#[tokio::test]
async fn stuck_token_returns_with_empty_page() {
    for shape in Shape::ALL {
        let vendor = vendor(shape).await;
        vendor.set_quirk(Quirk::StuckToken(vendor.timeline().span().from()));
        let authorization = authorization(&vendor).await;
        let first = first_page(&vendor);
        let response = get(&vendor, &first, &authorization).await;
        assert!(!records(&vendor, &response).is_empty());
        let second = next_page(&vendor, &first, &response).unwrap();
        let stuck = get(&vendor, &second, &authorization).await;
        assert!(records(&vendor, &stuck).is_empty());
        assert_eq!(next_page(&vendor, &first, &stuck), Some(second));
    }
}

#[tokio::test]
async fn hostile_vendor_links_and_redirects_elsewhere() {
    let vendor = vendor(Shape::Okta).await;
    let authorization = authorization(&vendor).await;
    let first = first_page(&vendor);
    let own = get(&vendor, &first, &authorization).await;
    vendor.set_quirk(Quirk::ForeignNext("http://u@127.0.0.1:1".to_owned()));
    let response = get(&vendor, &first, &authorization).await;
    assert!(
        response
            .link("next")
            .unwrap()
            .starts_with("http://u@127.0.0.1:1/api/v1/logs?")
    );
    assert!(response.link("self").unwrap().starts_with(&vendor.uri()));
    vendor.set_quirk(Quirk::Redirect("http://127.0.0.1:1/x".to_owned()));
    let second = next_page(&vendor, &first, &own).unwrap();
    let response = get(&vendor, &second, &authorization).await;
    assert_eq!(response.status, 302);
    assert!(
        response
            .head
            .to_lowercase()
            .contains("location: http://127.0.0.1:1/x")
    );
}

#[tokio::test]
async fn every_fault_looks_like_vendor_own() {
    let status = |response: ResponseTemplate| format!("{response:?}");
    for shape in Shape::ALL {
        for fault in Fault::ALL {
            let response = status(shape.fault(fault));
            let expected = match (fault, shape) {
                (Fault::RateWithWait | Fault::Rate, _) | (Fault::Quota, Shape::Okta) => "429",
                (Fault::Quota, Shape::Google) => "403",
                (Fault::Internal, _) => "500",
                (Fault::Unavailable, _) => "503",
                (Fault::Garbage | Fault::Stall, _) => "200",
                (Fault::TokenRejected, _) => "400",
            };
            assert!(
                response.contains(&format!("status_code: {expected}")),
                "{fault:?}: {response}"
            );
            assert_eq!(
                response.contains("retry-after"),
                fault == Fault::RateWithWait
            );
        }
    }
}

#[tokio::test]
async fn faults_are_counted_and_stalled_pages_served() {
    let vendor = vendor(Shape::Okta).await;
    let authorization = authorization(&vendor).await;
    vendor.set_faults(Faults::new(5, 100, Shape::Okta.faults()));
    let first = first_page(&vendor);
    for _ in 0..12 {
        get(&vendor, &first, &authorization).await;
    }
    let struck: u32 = vendor.faults().drawn().values().sum();
    let log = vendor.log();
    let faults = log
        .entries()
        .iter()
        .filter(|e| matches!(e.served, Served::Fault { .. }))
        .count();
    let stalls = vendor
        .faults()
        .drawn()
        .get(&Fault::Stall)
        .copied()
        .unwrap_or(0);
    assert_eq!(u32::try_from(faults).unwrap() + stalls, struck);
    assert_eq!(log.asked(), 12);
}

#[tokio::test]
async fn requests_are_held_after_page_count_until_release() {
    let vendor = vendor(Shape::Okta).await;
    let authorization = authorization(&vendor).await;
    let first = first_page(&vendor);
    vendor.hold_after(1);
    let served = get(&vendor, &first, &authorization).await;
    let held = get(&vendor, &first, &authorization);
    let mut pages = vendor.pages_served();
    let release = async {
        assert_eq!(*pages.borrow_and_update(), 1);
        vendor.release();
        pages.changed().await.unwrap();
    };
    let (held, ()) = tokio::join!(held, release);
    assert_eq!((served.status, held.status), (200, 200));
    assert_eq!(*vendor.pages_served().borrow(), 2);
}
