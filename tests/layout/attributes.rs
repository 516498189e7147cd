//! The table of a window's attributes in docs/DATA_MODEL.md matches the definition of the stored
//! form.
//! definition.

use windlass_core::window::{Attribute, Presence, WindowForm};

use crate::tree::{read, root};

const DOCUMENT: &str = "docs/DATA_MODEL.md";
const BEGIN: &str = "<!-- The table is made of core/src/window/form.rs. -->\n";
const END: &str = "<!-- End of the table. -->\n";

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
    let path = root().join(DOCUMENT);
    let document = read(&path);
    let (before, rest) = document.split_once(BEGIN).expect("where the table begins");
    let (shown, after) = rest.split_once(END).expect("where the table ends");
    let table = table();
    if shown.trim() != table.trim() && std::env::var_os("UPDATE_DOCS").is_some() {
        let document = format!("{before}{BEGIN}\n{table}\n{END}{after}");
        std::fs::write(&path, document).expect("the document is writable");
        return;
    }
    assert_eq!(
        shown.trim(),
        table.trim(),
        "{DOCUMENT} is out of date; run this test with UPDATE_DOCS=1"
    );
}
