//! The prose of a file: its text without code.

/// Minimum number of words of a string literal that is a message. Shorter ones are mostly names.
const MESSAGE_WORDS_MIN: usize = 3;

/// A line of prose.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Number in its file, from 1.
    pub(super) number: usize,
    pub(super) text: String,
}

impl Line {
    /// The prose of `text`, without code in backticks.
    pub(super) fn new(number: usize, text: &str) -> Self {
        // Every second piece between backticks is code.
        let text = text.split('`').step_by(2).collect::<Vec<_>>().join(" ");
        Self { number, text }
    }
}

/// The lines of a document outside code blocks.
pub(super) fn of_document(markdown: &str) -> Vec<Line> {
    let mut fenced = false;
    let mut lines = Vec::new();
    for (at, line) in markdown.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            lines.push(Line::new(at + 1, line));
        }
    }
    lines
}

/// The comments of a source file.
pub(super) fn of_comments(source: &str) -> Vec<Line> {
    let pieces = pieces(source).into_iter();
    let comments = pieces.filter(|piece| piece.kind == Kind::Comment);
    comments
        .map(|it| Line::new(it.line, it.text.trim_start_matches(['/', '!'])))
        .collect()
}

/// The messages of the source file `path`: its string literals of some words outside its tests.
pub(super) fn of_messages(path: &str, source: &str) -> Vec<Line> {
    let is_test = |part: &str| part == "tests" || part.ends_with("_tests.rs") || part == "tests.rs";
    if path.split('/').any(is_test) {
        return Vec::new();
    }
    let product = source.split("#[cfg(test)]\nmod tests {").next();
    let pieces = pieces(product.unwrap_or_default()).into_iter();
    let literals = pieces.filter(|piece| piece.kind == Kind::Literal);
    literals
        .map(|it| Line::new(it.line, &without_placeholders(it.text)))
        .filter(|line| line.text.split_whitespace().count() >= MESSAGE_WORDS_MIN)
        .collect()
}

/// A literal without its `{...}` and its escapes.
fn without_placeholders(literal: &str) -> String {
    let mut text = String::new();
    let mut rest = literal;
    while let Some(at) = rest.find(['{', '\\']) {
        text.push_str(&rest[..at]);
        text.push(' ');
        let placeholder = rest[at..].starts_with('{');
        let end = if placeholder {
            rest[at..].find('}')
        } else {
            Some(1)
        };
        let end = at + end.unwrap_or(0);
        let skipped = rest[end..].chars().next().map_or(0, char::len_utf8);
        rest = &rest[end + skipped..];
    }
    text + rest
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A line from `//`.
    Comment,
    /// The text between the quotes of a string.
    Literal,
}

/// A comment or a string literal.
#[derive(Debug, Clone, Copy)]
struct Piece<'a> {
    kind: Kind,
    line: usize,
    text: &'a str,
}

/// The comments and string literals of a source file, in order.
fn pieces(source: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut at, mut line) = (0, 1);
    while let Some(found) = source[at..].find(['/', '"', '\'', '\n']) {
        let start = at + found;
        let rest = &source[start..];
        let (kind, from, length) = match rest.as_bytes()[0] {
            b'/' if rest.starts_with("//") => (
                Some(Kind::Comment),
                0,
                rest.find('\n').unwrap_or(rest.len()),
            ),
            b'"' => {
                let end = string_end(&source[..start], rest);
                (Some(Kind::Literal), 1, end)
            }
            b'\'' => (None, 0, character_length(rest)),
            _ => (None, 0, 1),
        };
        let text = &rest[..length];
        if let Some(kind) = kind {
            let text = text.get(from..).unwrap_or_default().trim_end_matches('"');
            pieces.push(Piece { kind, line, text });
        }
        line += text.matches('\n').count();
        at = start + length;
    }
    pieces
}

/// The length of the string literal at the start of `rest`, to its last quotation mark.
fn string_end(before: &str, rest: &str) -> usize {
    let prefix = before.trim_end_matches('#');
    if prefix.ends_with('r') {
        let end = format!("\"{}", "#".repeat(before.len() - prefix.len()));
        return rest[1..].find(&end).map_or(rest.len(), |at| at + 2);
    }
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The length of the character literal at the start of `rest`; 1 for the mark of a lifetime.
fn character_length(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some((at, escaped))) => {
            let after = at + escaped.len_utf8();
            rest[after..].find('\'').map_or(1, |end| after + end + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(lines: &[Line]) -> Vec<(usize, &str)> {
        let lines = lines.iter();
        lines.map(|it| (it.number, it.text.trim())).collect()
    }

    #[test]
    fn code_of_document_is_no_prose() {
        let document = "# One\n```yaml\ntwo: 2\n```\nthree `four` five\n";
        let prose = of_document(document);
        assert_eq!(texts(&prose), [(1, "# One"), (5, "three   five")]);
    }

    #[test]
    fn comments_are_found_outside_literals() {
        let source = "//! One.\nlet a = \"// two\"; // Three.\nlet b = '\"'; /// Four.\n\
                      let c: &'a str = r#\"// \"five\"\"#; // Six.\n";
        let prose = of_comments(source);
        assert_eq!(
            texts(&prose),
            [(1, "One."), (2, "Three."), (3, "Four."), (4, "Six.")]
        );
    }

    #[test]
    fn messages_are_literals_of_some_words() {
        let source = "// A comment.\nfn a() {\nb(\"name\", \"source {name} is\\nnot {x:?} known\", \
                      '\\'');\nc(\"it \\\"ends\\\" at once\");\n}\n\
                      #[cfg(test)]\nmod tests {\nd(\"not a message here\");\n}\n";
        let prose = of_messages("core/src/a.rs", source);
        assert_eq!(
            texts(&prose),
            [(3, "source   is not   known"), (4, "it  ends  at once")]
        );
        for path in [
            "tests/e2e/a.rs",
            "core/src/a_tests.rs",
            "core/src/tests/a.rs",
        ] {
            assert_eq!(of_messages(path, source), [], "{path}");
        }
    }

    #[test]
    fn line_numbers_count_lines_of_literals() {
        let source = "let a = \"one\ntwo \\\n three\";\nlet b = \"four five six\";\n";
        let prose = of_messages("core/src/a.rs", source);
        assert_eq!(prose.iter().map(|it| it.number).collect::<Vec<_>>(), [1, 4]);
    }
}
