//! The table of a window's attributes in docs/DATA_MODEL.md matches the definition of the stored
//! form.

use windlass_core::window::{Attribute, Presence, WindowForm};

use crate::generated::assert_current;

const DOCUMENT: &str = "docs/DATA_MODEL.md";
const SOURCE: &str = "core/src/window/form.rs";

fn kind(attribute: &Attribute) -> &'static str {
    let of_option = attribute.rust_type.strip_prefix("Option<");
    match of_option.map_or(attribute.rust_type, |rest| rest.trim_end_matches('>')) {
        "Timestamp" => "time",
        "bool" => "flag",
        "u32" | "u64" | "i64" => "number",
        _ => "text",
    }
}

const fn presence(attribute: &Attribute) -> &'static str {
    match attribute.presence {
        Presence::Always => "always",
        Presence::Optional => "with a value",
        Presence::Sparse => "unless 0, false or nothing",
    }
}

fn table() -> String {
    let mut table =
        String::from("| attribute | type | stored | meaning |\n| --- | --- | --- | --- |\n");
    for attribute in WindowForm::ATTRIBUTES {
        let (name, meaning) = (attribute.name, attribute.meaning.trim());
        let (kind, presence) = (kind(attribute), presence(attribute));
        table.push_str(&format!("| `{name}` | {kind} | {presence} | {meaning} |\n"));
    }
    table
}

#[test]
fn documented_window_attributes_match_stored_form() {
    assert_current(DOCUMENT, SOURCE, &table());
}
