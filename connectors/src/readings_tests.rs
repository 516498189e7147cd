use super::*;

/// The part of `text` in which a reading holds `inside`; `None` if no reading does.
fn found(text: &str, inside: &str) -> Option<String> {
    let mut place = None;
    each(text, |reading| {
        let mut windows = reading.bytes().windows(inside.len());
        let at = windows.position(|window| window == inside.as_bytes());
        if let Some(at) = at {
            place.get_or_insert(reading.place(&(at..at + inside.len())));
        }
    })
    .unwrap();
    place.map(|place| text[place].to_owned())
}

#[test]
fn each_encoding_is_decoded_in_place() {
    for (text, place) in [
        ("say s3cr+t! now", "s3cr+t!"),
        ("say s3cr%2Bt%21 now", "s3cr%2Bt%21"),
        ("say s3cr%2bt! now", "s3cr%2bt!"),
        ("say s3cr%252Bt! now", "s3cr%252Bt!"),
        ("say s3cr&#43;t&excl; now", "s3cr&#43;t&excl;"),
        ("say s3cr&#x2B;t! now", "s3cr&#x2B;t!"),
        ("say s3cr&plus;t! now", "s3cr&plus;t!"),
        (r"say s3cr\u002bt\! now", r"s3cr\u002bt\!"),
        ("say czNjcit0IQ== now", "czNjcit0IQ"),
        ("say 733363722b7421 now", "733363722b7421"),
        ("say 733363722B7421 now", "733363722B7421"),
        ("say a733363722B7421 now", "733363722B7421"),
        ("say Y3pOamNpdDBJUT09 now", "Y3pOamNpdDBJUT"),
        (r"say s3cr\x2bt\041 now", r"s3cr\x2bt\041"),
        (r"say s3cr\u{2b}t! now", r"s3cr\u{2b}t!"),
        ("say s3cr%u002Bt! now", "s3cr%u002Bt!"),
        ("say s3cr=2Bt=21 now", "s3cr=2Bt=21"),
        ("say OMZWG4RLOQQQ==== now", "OMZWG4RLOQQQ"),
        ("say omzwg4rloqqq now", "omzwg4rloqqq"),
        ("say 73:33:63:72:2b:74:21 now", "73:33:63:72:2b:74:21"),
        ("say 73 33 63 72 2b 74 21 now", "73 33 63 72 2b 74 21"),
        (
            "say 0x73,0x33,0x63,0x72,0x2b,0x74,0x21 now",
            "73,0x33,0x63,0x72,0x2b,0x74,0x21",
        ),
        ("say czNj cit0 IQ== now", "czNj cit0 IQ"),
        ("say s 3 c r + t ! now", "s 3 c r + t !"),
        (
            "say s\x003\x00c\x00r\x00+\x00t\x00! now",
            "s\x003\x00c\x00r\x00+\x00t\x00!",
        ),
        (
            "say s\u{200b}3c\u{2060}r\u{feff}+t! now",
            "s\u{200b}3c\u{2060}r\u{feff}+t!",
        ),
        ("say \u{ff53}3cr\u{ff0b}t! now", "\u{ff53}3cr\u{ff0b}t!"),
    ] {
        assert_eq!(found(text, "s3cr+t!").as_deref(), Some(place), "{text}");
    }
    assert_eq!(found("say czNjcit0I now", "s3cr+t!"), None);
}

#[test]
fn base64_is_read_at_any_alignment_and_alphabet() {
    for (text, inside) in [
        ("xs3cr+t!x", "eHMzY3IrdCF4"),
        ("xxs3cr+t!", "eHhzM2NyK3Qh"),
        ("xxxs3cr+t!", "eHh4czNjcit0IQ"),
    ] {
        for prefix in ["", "a", "ab", "abc/", "="] {
            let text_around = format!("{prefix}{inside}");
            assert!(found(&text_around, "s3cr+t!").is_some(), "{text} {prefix}");
        }
    }
    assert!(found("Pz8_Pj4-c2VjcmV0", "secret").is_some());
}

#[test]
fn surrogate_pair_is_one_character() {
    assert!(found(r"x\ud83d\ude00x", "x😀x").is_some());
    for broken in [
        r"x\ud83dx",
        r"x\ud83d\u0041x",
        r"\u00",
        "%4",
        "&#99999999;",
        "&;",
    ] {
        assert!(found(broken, "😀").is_none(), "{broken}");
    }
}

#[test]
fn number_of_readings_is_bounded() {
    let mut seen = 0;
    let percents = "%25".repeat(350_000);
    assert_eq!(each(&percents, |_| seen += 1), Ok(()));
    let nested = "%".to_owned() + &"25".repeat(500_000);
    let letters = "QUFB".repeat(262_144);
    let entities = "&#38;".repeat(200_000);
    for text in [
        nested,
        letters,
        entities,
        "a".repeat(READINGS_BYTES_MAX + 1),
    ] {
        let mut bytes = 0;
        let _all_or_not = each(&text, |reading| bytes += reading.bytes().len());
        assert!(bytes <= READINGS_BYTES_MAX, "{bytes}");
    }
    assert_eq!(each(&"QUFB".repeat(262_144), |_| ()), Err(TooMany));
}

#[test]
fn longest_page_token_fits_reading_limit() {
    // Base64 of noise, as opaque page tokens are.
    let mut state = 1u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[(state >> 58) as usize]
    };
    let token: String = (0..windlass_core::limits::CURSOR_BYTES_MAX)
        .map(|_| char::from(next()))
        .collect();
    let mut bytes = 0;
    assert_eq!(
        each(&token, |reading| bytes += reading.bytes().len()),
        Ok(())
    );
    assert!(
        bytes < token.len() * 64,
        "{bytes} bytes for {}",
        token.len()
    );
}
