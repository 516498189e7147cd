//! A field of a manifest that does not fit the others.

/// The field, what is wrong with it, and what to write instead.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) field: String,
    pub(crate) problem: String,
    pub(crate) hint: Option<String>,
}

/// A fault without a hint where `hint` is empty.
pub(crate) fn fault(field: impl Into<String>, problem: impl Into<String>, hint: &str) -> Fault {
    let hint = (!hint.is_empty()).then(|| hint.to_owned());
    Fault {
        field: field.into(),
        problem: problem.into(),
        hint,
    }
}
