//! A field of a manifest that contradicts the others.

/// The field, its problem, and the correct form.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) field: String,
    pub(crate) problem: String,
    pub(crate) hint: Option<String>,
}

/// A fault; an empty `hint` becomes `None`.
pub(crate) fn fault(field: impl Into<String>, problem: impl Into<String>, hint: &str) -> Fault {
    let hint = (!hint.is_empty()).then(|| hint.to_owned());
    Fault {
        field: field.into(),
        problem: problem.into(),
        hint,
    }
}
