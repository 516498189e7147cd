//! Bytes as text, two hexadecimal digits per byte: the JSON form of the attribute that stores hold
//! as bytes.

/// The text of `bytes`.
pub(crate) fn to_text(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value & 0xf)]);
    let digits = bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(*byte)]);
    digits.collect()
}

/// The bytes that `text` represents; `None` if it is not valid text.
pub(crate) fn to_bytes(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let value = |digit: u8| char::from(digit).to_digit(16);
    let byte = |[high, low]: &[u8; 2]| u8::try_from(value(*high)? << 4 | value(*low)?).ok();
    let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
    bytes.filter(|_| rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_text_parses_only_own_form() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(to_bytes(&to_text(&bytes)), Some(bytes));
        assert_eq!(to_text(&[0, 0xca]), "00ca");
        for wrong in ["0", "0g", "+1", "00c", "\u{e9}"] {
            assert_eq!(to_bytes(wrong), None, "{wrong}");
        }
    }
}
