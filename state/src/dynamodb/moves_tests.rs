use std::collections::BTreeSet;

use serde_json::{Value as Json, json};
use windlass_core::checkpoint::{Checkpoint, Cursor, PageMove, PageTotals};
use windlass_core::ids::Owner;
use windlass_core::source::{BlockCause, Blocked};
use windlass_core::time::Timestamp;
use windlass_core::transition::{Cause, Event, Release};
use windlass_core::wait::Cooldown;

use super::*;
use crate::dynamodb::testing::{NOW, ScriptedResponse, condition_failed, store};
use crate::item::Stored;
use crate::store::StateStore;

fn ready() -> Window {
    let attributes = include_str!("../../testdata/v1/window_new.json");
    Window::from_attributes("fixture", serde_json::from_str(attributes).unwrap()).unwrap()
}

fn claim() -> Claim {
    Claim {
        epoch: 1,
        owner: Owner::from_random(1),
        lease_until: NOW.plus_ms(900_000),
        now: NOW,
    }
}

fn running() -> Lease {
    let window = ready().apply(&Event::Claim(claim())).unwrap();
    Lease::held(window, &claim().owner).unwrap()
}

fn page() -> Checkpoint {
    Checkpoint::from(PageMove {
        from: 0,
        cursor: Some(Cursor {
            token: "next".to_owned(),
            request: "5eed".to_owned(),
        }),
        totals: PageTotals {
            records: 10,
            bytes: 1_000,
            ..PageTotals::default()
        },
        ordered: true,
        remembered: true,
        sink_position: None,
        page_ms: 250,
        now: NOW.plus_ms(1),
    })
}

/// `window` in the wire format.
fn wire(window: &Window) -> Json {
    let value = |value: &Json| match value {
        Json::Number(number) => json!({ "N": number.to_string() }),
        Json::Bool(flag) => json!({ "BOOL": flag }),
        text => json!({ "S": text }),
    };
    let attributes = window_attributes(window);
    let item: serde_json::Map<_, _> = attributes
        .iter()
        .map(|(name, it)| (name.clone(), value(it)))
        .collect();
    item.into()
}

/// The attributes that an update expression sets and removes.
fn changed(asked: &Json) -> (BTreeSet<String>, BTreeSet<String>) {
    let expression = asked["UpdateExpression"].as_str().unwrap();
    let (set, remove) = expression.split_once("REMOVE").unwrap_or((expression, ""));
    let names = |text: &str| {
        let words = text.split(|c: char| !(c.is_alphanumeric() || "#_".contains(c)));
        words
            .filter_map(|word| word.strip_prefix('#'))
            .map(str::to_owned)
            .collect()
    };
    (names(set), names(remove))
}

fn names(list: &[&str]) -> BTreeSet<String> {
    list.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn checkpoint_writes_only_changed_attributes() {
    let (store, script, _) = store([ScriptedResponse::Ok(json!({}))]);
    let lease = running();
    let next = store.checkpoint(&lease, &page()).await.unwrap();
    assert_eq!(next.window().page(), 1);
    let (operation, asked) = &script.asked()[0];
    assert_eq!(operation, "UpdateItem");
    let (set, removed) = changed(asked);
    let expected = [
        "attempts",
        "bytes",
        "cursor",
        "cursor_for",
        "page",
        "records",
        "slowest_page_ms",
        "updated_at",
    ];
    assert_eq!((set, removed), (names(&expected), names(&[])));
    assert_eq!(
        asked["ConditionExpression"],
        "#status = :0 AND #epoch = :1 AND #page = :2 AND #owner = :3"
    );
    let values = &asked["ExpressionAttributeValues"];
    assert_eq!(
        (&values[":0"], &values[":1"]),
        (&json!({"S": "running"}), &json!({"N": "2"}))
    );
    assert_eq!(values[":2"], json!({"N": "0"}));
    assert_eq!(values[":3"], json!({"S": lease.owner().as_str()}));
}

#[tokio::test]
async fn unsent_token_adds_attribute_until_checkpoint() {
    let responses = [
        ScriptedResponse::Ok(json!({})),
        ScriptedResponse::Ok(json!({})),
    ];
    let (store, script, _) = store(responses);
    let lease = store.checkpoint(&running(), &page()).await.unwrap();
    let release = Release {
        cause: Cause::Yielded.unsent(),
        not_before: None,
        error: None,
        now: NOW.plus_ms(2),
    };
    let left = store.release(&lease, &release).await.unwrap();
    assert_eq!(left.unsent_after(), Some(1));
    let (set, removed) = changed(&script.asked()[1].1);
    let expected = ["epoch", "status", "unsent_after", "updated_at"];
    assert_eq!(set, names(&expected));
    assert_eq!(removed, names(&["lease_until", "owner"]));

    let again = Event::Claim(Claim {
        epoch: left.epoch(),
        ..claim()
    });
    let claimed = left.apply(&again).unwrap();
    let lease = Lease::held(claimed, &claim().owner).unwrap();
    let (store, script, _) = self::store([ScriptedResponse::Ok(json!({}))]);
    let next = Checkpoint::from(PageMove {
        from: 1,
        ..PageMove::clone(&page())
    });
    store.checkpoint(&lease, &next).await.unwrap();
    let (_, removed) = changed(&script.asked()[0].1);
    assert_eq!(removed, names(&["unsent_after"]));
}

#[tokio::test]
async fn completing_removes_owner_and_cursor_sets_ttl() {
    let (store, script, _) = store([
        ScriptedResponse::Ok(json!({})),
        ScriptedResponse::Ok(json!({})),
    ]);
    let lease = store.checkpoint(&running(), &page()).await.unwrap();
    let last = Checkpoint::from(PageMove {
        from: 1,
        ..PageMove::clone(&page())
    });
    let done = store.complete(&lease, &last, 86_400_000).await.unwrap();
    assert_eq!(done.status(), Status::Done);
    let (set, removed) = changed(&script.asked()[1].1);
    assert!(
        names(&["done_at", "expires_at", "status", "ttl"]).is_subset(&set),
        "{set:?}"
    );
    assert_eq!(
        removed,
        names(&["cursor", "cursor_for", "lease_until", "owner"])
    );
}

#[tokio::test]
async fn claim_takes_window_from_response() {
    let claimed = running().window().clone();
    let (store, script, _) = store([ScriptedResponse::Ok(
        json!({ "Attributes": wire(&claimed) }),
    )]);
    let lease = store.claim(claimed.id(), &claim()).await.unwrap();
    assert_eq!(lease, running());
    let (_, asked) = &script.asked()[0];
    assert_eq!(asked["ReturnValues"], "ALL_NEW");
    let (set, removed) = changed(asked);
    let expected = [
        "attempts",
        "epoch",
        "lease_until",
        "owner",
        "runs",
        "status",
        "updated_at",
    ];
    let gone = names(&["dispatched_until", "not_before"]);
    assert_eq!((set, removed), (names(&expected), gone));
}

#[tokio::test]
async fn illegal_move_is_not_sent() {
    let lease = running();
    let current = json!({ "Item": wire(lease.window()) });
    let (store, script, _) = store([
        ScriptedResponse::Ok(current.clone()),
        ScriptedResponse::Ok(json!({})),
    ]);
    let no_cursor = Checkpoint::from(PageMove {
        cursor: None,
        ..PageMove::clone(&page())
    });
    let refused = store.checkpoint(&lease, &no_cursor).await;
    let expected = MoveError::Refused {
        current: Box::new(lease.window().clone()),
        why: IllegalMove::NoCursor,
    };
    assert_eq!(refused, Err(expected));
    let gone = store.checkpoint(&lease, &no_cursor).await;
    assert_eq!(gone, Err(MoveError::NotFound(ready().id().clone())));
    assert_eq!(script.operations(), ["GetItem", "GetItem"]);
}

#[tokio::test]
async fn planner_retries_from_newly_checkpointed_page() {
    let seen = running().window().clone();
    let paged = seen.apply(&Event::Checkpoint(page())).unwrap();
    let (store, script, _) = store([
        condition_failed(&wire(&paged)),
        ScriptedResponse::Ok(json!({})),
    ]);
    let expire = Event::Expire {
        split: None,
        now: NOW.plus_ms(2),
    };
    let expired = store.decide(&seen, &expire).await.unwrap();
    assert_eq!(expired, paged.apply(&expire).unwrap());
    assert_eq!(expired.last_error(), None, "a page was made");
    let asked = script.asked();
    let page_of = |index: usize| asked[index].1["ExpressionAttributeValues"][":2"].clone();
    assert_eq!(
        (page_of(0), page_of(1)),
        (json!({"N": "0"}), json!({"N": "1"}))
    );
}

#[tokio::test]
async fn outpaced_planner_gives_up_as_unavailable() {
    let seen = running().window().clone();
    let paged = seen.apply(&Event::Checkpoint(page())).unwrap();
    let (store, ..) = store(vec![condition_failed(&wire(&paged)); DECIDE_TRIES_MAX]);
    let moved = store
        .decide(
            &seen,
            &Event::Expire {
                split: None,
                now: NOW,
            },
        )
        .await;
    assert!(
        matches!(moved, Err(MoveError::Store(StateError::Unavailable(_)))),
        "{moved:?}"
    );
}

#[tokio::test]
async fn unexplained_lost_condition_is_refused() {
    let (store, ..) = store([condition_failed(&wire(&ready()))]);
    let refused = store.claim(ready().id(), &claim()).await;
    let expected = MoveError::Refused {
        current: Box::new(ready()),
        why: IllegalMove::NotDue,
    };
    assert_eq!(refused, Err(expected));
}

type Rule<'a> = Box<dyn Fn(&mut Placeholders) -> String + 'a>;

#[test]
fn expressions_use_exactly_their_placeholders() {
    let lease = running();
    let cooldown = Cooldown {
        group: "okta:acme".parse().unwrap(),
        not_before: Timestamp::MAX,
        reason: "429".to_owned(),
    };
    let blocked = Blocked::new("401".to_owned(), BlockCause::Refused, NOW, NOW);
    let read = Item::from([(
        "version".to_owned(),
        super::super::attributes::to_value(json!(3)),
    )]);
    let rules: [Rule<'_>; 11] = [
        Box::new(conditions::is_absent),
        Box::new(conditions::exists),
        Box::new(|p| conditions::is_claimable(p, &claim())),
        Box::new(|p| conditions::is_held(p, &lease)),
        Box::new(|p| conditions::is_as_seen(p, lease.window())),
        Box::new(|p| conditions::has_version(p, 3)),
        Box::new(|p| conditions::has_free_probe(p, &blocked)),
        Box::new(|p| conditions::ends_later(p, &cooldown, NOW)),
        Box::new(|p| conditions::is_unchanged(p, Some(&read), &["version", "held_since"])),
        Box::new(conditions::is_absent_or_ours),
        Box::new(|p| {
            let done = Event::Complete {
                last: page(),
                history_ms: 1,
            };
            let done = lease.window().apply(&done).unwrap();
            let update = difference(
                lease.window(),
                &done,
                String::new(),
                Placeholders::default(),
            );
            *p = update.placeholders;
            update.change
        }),
    ];
    let words = [
        "AND",
        "OR",
        "SET",
        "REMOVE",
        "attribute_exists",
        "attribute_not_exists",
        "if_not_exists",
    ];
    for rule in rules {
        let mut p = Placeholders::default();
        let text = rule(&mut p);
        let tokens = text.split(|c: char| " (),=<>+".contains(c));
        let tokens: BTreeSet<_> = tokens.filter(|token| !token.is_empty()).collect();
        let used = |it: &&str| p.names.contains_key(*it) || p.values.contains_key(*it);
        let (placeholders, rest): (BTreeSet<_>, BTreeSet<_>) = tokens.into_iter().partition(used);
        assert!(rest.iter().all(|word| words.contains(word)), "{text}");
        assert_eq!(placeholders.len(), p.names.len() + p.values.len(), "{text}");
    }
}
