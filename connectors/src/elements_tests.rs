use super::*;
use crate::records::{NoArray, Paths};

/// All elements of the array `json`, the size of each piece, and the reported length.
fn pieces(json: &str) -> (Vec<String>, Vec<usize>, usize) {
    let mut paths = Paths::default();
    paths.elements(&".".parse().unwrap());
    let found = paths.read(json).unwrap();
    let elements = found.elements().unwrap();
    let text = |raw: &&RawValue| raw.get().to_owned();
    let mut all: Vec<_> = elements.first().iter().map(text).collect();
    let mut sizes = vec![all.len()];
    let mut rest = elements.rest(json.as_bytes());
    while let Some(left) = rest {
        let (piece, after) = following(left);
        all.extend(piece.iter().map(text));
        sizes.push(piece.len());
        rest = after;
    }
    (all, sizes, elements.len())
}

#[test]
fn pieces_hold_every_element_in_order() {
    for count in [
        0,
        1,
        RECORDS_AT_ONCE_MAX - 1,
        RECORDS_AT_ONCE_MAX,
        RECORDS_AT_ONCE_MAX + 1,
        3 * RECORDS_AT_ONCE_MAX,
    ] {
        let expected: Vec<_> = (0..count).map(|n| n.to_string()).collect();
        for (open, between) in [("[", ","), (" [ ", " ,\n\t")] {
            let json = format!("{open}{} ] ", expected.join(between));
            let (all, sizes, len) = pieces(&json);
            assert_eq!((&all, len), (&expected, count), "{between:?}");
            let full = sizes.iter().all(|size| *size <= RECORDS_AT_ONCE_MAX);
            assert!(full && sizes.len() == count.div_ceil(RECORDS_AT_ONCE_MAX).max(1));
        }
    }
}

#[test]
fn oversized_element_forms_own_piece() {
    let half = format!("\"{}\"", "x".repeat(RECORD_BYTES_AT_ONCE_MAX / 2 - 2));
    let large = format!(
        "[\"]}},\\\"\",{{\"x\":\"{}\"}}]",
        "y".repeat(RECORD_BYTES_AT_ONCE_MAX)
    );
    let (all, sizes, _) = pieces(&format!("[{half},{half},0,{large},1,2]"));
    assert_eq!(sizes, [2, 1, 1, 2]);
    assert_eq!(all, [&half, &half, "0", &large, "1", "2"]);
}

#[test]
fn key_repeated_after_large_array_is_rejected() {
    let mut paths = Paths::default();
    paths.elements(&"items".parse().unwrap());
    let many = vec!["0"; RECORDS_AT_ONCE_MAX + 1].join(",");
    let json = format!(r#"{{"items":[{many}],"items":[1]}}"#);
    let problem = paths.read(&json).unwrap().elements().map(Elements::len);
    assert_eq!(problem, Err(NoArray::Several));
    let json = format!(r#"{{"items":[1],"items":[{many}]}}"#);
    let found = paths.read(&json).unwrap();
    assert_eq!(found.elements().unwrap().len(), RECORDS_AT_ONCE_MAX + 2);
    let rest = found.elements().unwrap().rest(json.as_bytes()).unwrap();
    assert_eq!(following(rest).0.len(), 2);
}
