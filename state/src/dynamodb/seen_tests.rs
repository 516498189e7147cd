use serde_json::{Value as Json, json};
use windlass_core::limits::SEEN_DIGESTS_PER_ITEM;

use super::*;
use crate::dynamodb::testing::{ScriptedResponse, condition_failed, store};
use crate::item::packed;
use crate::store::StateStore;

fn page(digests: usize) -> SeenPage {
    let text = include_str!("../../testdata/v1/seen.json");
    let piece = SeenPiece::from_attributes("fixture", serde_json::from_str(text).unwrap());
    SeenPage {
        digests: (0..u64::try_from(digests).unwrap()).collect(),
        ..piece.unwrap().page
    }
}

fn span() -> Span {
    let at = page(0).at;
    Span::new(at, at.plus_ms(1)).unwrap()
}

/// A piece in the wire format.
fn wire(piece: &SeenPiece) -> Json {
    let attributes = piece.to_attributes();
    let value = |name: &str, value: &Json| match value {
        Json::Number(number) => json!({ "N": number.to_string() }),
        Json::String(text) if name == "digests" => {
            json!({ "B": base64(&packed::to_bytes(text).unwrap()) })
        }
        text => json!({ "S": text }),
    };
    let attributes = attributes
        .iter()
        .map(|(name, it)| (name.clone(), value(name, it)));
    attributes.collect::<serde_json::Map<_, _>>().into()
}

fn base64(bytes: &[u8]) -> String {
    let sextets = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let sextet = usize::try_from(bits >> (18 - 6 * digit) & 63).unwrap();
            let shown = char::from(sextets[sextet]);
            text.push(if digit <= chunk.len() { shown } else { '=' });
        }
    }
    text
}

fn response(pieces: &[&SeenPiece], more: bool) -> ScriptedResponse {
    let items: Vec<_> = pieces.iter().map(|piece| wire(piece)).collect();
    let mut body = json!({ "Items": items });
    if more {
        body["LastEvaluatedKey"] = json!({ "pk": { "S": "a" }, "sk": { "S": "b" } });
    }
    ScriptedResponse::Ok(body)
}

#[tokio::test]
async fn first_piece_is_written_last() {
    let (store, script, _) = store(vec![ScriptedResponse::Ok(json!({})); 3]);
    let page = page(2 * SEEN_DIGESTS_PER_ITEM + 1);
    store.remember(&page).await.unwrap();
    let asked = script.asked();
    let written: Vec<_> = asked
        .iter()
        .map(|(_, body)| body["Item"]["piece"]["N"].as_str().unwrap())
        .collect();
    assert_eq!(written, ["2", "1", "0"]);
    let ttl = page.expires_at.as_seconds().to_string();
    assert_eq!(asked[0].1["Item"]["ttl"], json!({ "N": ttl }));
}

#[tokio::test]
async fn piece_without_response_is_retried_once() {
    let page = page(1);
    let (deaf, script, _) = store([ScriptedResponse::HangUp, ScriptedResponse::Ok(json!({}))]);
    assert_eq!(deaf.remember(&page).await, Ok(()));
    let [(_, first), (_, second)] = &script.asked()[..] else {
        panic!("two requests")
    };
    assert_eq!(first, second);
    let (deaf, ..) = store([ScriptedResponse::HangUp, ScriptedResponse::HangUp]);
    let unknown = deaf.remember(&page).await;
    assert!(
        matches!(unknown, Err(StateError::Unknown(_))),
        "{unknown:?}"
    );
}

#[tokio::test]
async fn leftover_piece_of_longer_page_is_ignored() {
    let old = pieces(&page(2 * SEEN_DIGESTS_PER_ITEM + 1));
    let new = &pieces(&page(2))[0];
    let next = SeenPiece {
        page: SeenPage {
            page: new.page.page + 1,
            ..new.page.clone()
        },
        ..new.clone()
    };
    let responses = [
        response(&[new, &old[1]], true),
        response(&[&old[2], &next], false),
    ];
    let (store, ..) = store(responses);
    let seen = store.seen(&new.page.by, span(), usize::MAX).await;
    assert_eq!(seen, Ok(Some(vec![new.page.clone(), next.page])));
}

#[tokio::test]
async fn piece_without_first_is_ignored() {
    let whole = pieces(&page(SEEN_DIGESTS_PER_ITEM + 1));
    let (store, ..) = store([response(&[&whole[1]], false)]);
    let seen = store.seen(&whole[0].page.by, span(), usize::MAX).await;
    assert_eq!(seen, Ok(Some(Vec::new())));
}

#[tokio::test]
async fn reading_stops_past_digest_limit() {
    let piece = &pieces(&page(3))[0];
    let (store, script, _) = store([response(&[piece], true)]);
    let seen = store.seen(&piece.page.by, span(), 2).await;
    assert_eq!(seen, Ok(None));
    assert_eq!(script.operations(), ["Query"]);
}

#[tokio::test]
async fn newer_seen_page_is_left_alone() {
    let piece = &pieces(&page(1))[0];
    let mut newer = wire(piece);
    newer["v"] = json!({ "N": "2" });
    let (store, ..) = store([condition_failed(&newer)]);
    let refused = store.remember(&piece.page).await;
    assert!(
        matches!(refused, Err(StateError::Version { .. })),
        "{refused:?}"
    );
}
