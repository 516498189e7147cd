//! The string literals of a source file, each with the calls, macros and attributes around it.

/// A string literal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Literal {
    /// Its text, without line continuations.
    pub(crate) text: String,
    /// The names before the open brackets around it, the innermost last: `warn!`, `error`, `expect`.
    pub(crate) around: Vec<String>,
    /// The code after it, up to the end of the innermost bracket.
    pub(crate) rest: String,
    /// The word before it, such as `doc` in `doc = "..."`; empty after a bracket or a comma.
    pub(crate) before: String,
}

/// The literals of `source`, in order.
pub(crate) fn literals(source: &str) -> Vec<Literal> {
    let bytes = source.as_bytes();
    let mut found: Vec<(Literal, usize, usize)> = Vec::new();
    let (mut around, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        match bytes[at] {
            b'/' if source[at..].starts_with("//") => at = line_end(source, at),
            b'"' => {
                let end = at + 1 + quoted(&source[at + 1..]);
                let text = joined(&source[at + 1..end]);
                push(&mut found, source, at..end + 1, text, &around);
                at = end + 1;
            }
            b'r' if is_raw(source, at) => {
                let hashes = source[at + 1..].bytes().take_while(|b| *b == b'#').count();
                let (from, mark) = (at + 2 + hashes, format!("\"{}", "#".repeat(hashes)));
                let end = from + source[from..].find(&mark).expect("a raw string ends");
                let text = source[from..end].to_owned();
                push(&mut found, source, at..end + mark.len(), text, &around);
                at = end + mark.len();
            }
            b'\'' => at += char_len(&source[at..]),
            b'(' | b'[' | b'{' => {
                around.push(name_before(&source[..at]));
                at += 1;
            }
            b')' | b']' | b'}' => {
                let depth = around.len();
                around.pop();
                for (literal, from, of_depth) in &mut found {
                    if *of_depth == depth && literal.rest.is_empty() {
                        source[*from..=at].clone_into(&mut literal.rest);
                        *of_depth = usize::MAX;
                    }
                }
                at += 1;
            }
            _ => at += 1,
        }
    }
    found.into_iter().map(|(literal, ..)| literal).collect()
}

fn push(
    found: &mut Vec<(Literal, usize, usize)>,
    source: &str,
    place: std::ops::Range<usize>,
    text: String,
    around: &[String],
) {
    let before = source[..place.start].trim_end();
    let word = before
        .strip_suffix('=')
        .map(|it| name_before(it.trim_end()));
    let literal = Literal {
        text,
        around: around.to_vec(),
        rest: String::new(),
        before: word.unwrap_or_default(),
    };
    found.push((literal, place.end, around.len()));
}

fn line_end(source: &str, at: usize) -> usize {
    source[at..].find('\n').map_or(source.len(), |end| at + end)
}

/// Length of a literal's content up to its closing quote.
fn quoted(text: &str) -> usize {
    let mut escaped = false;
    let end = text.bytes().position(|byte| {
        let is_end = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        is_end
    });
    end.expect("a string ends")
}

/// The content of a literal, without line continuations, on one line.
fn joined(text: &str) -> String {
    let mut lines = text.split("\\\n");
    let mut joined = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        joined.push_str(line.trim_start());
    }
    joined.replace("\\n", " ").replace("\\\"", "\"")
}

fn is_raw(source: &str, at: usize) -> bool {
    let after = source[at + 1..].trim_start_matches('#');
    let is_word = at > 0 && source.as_bytes()[at - 1].is_ascii_alphanumeric();
    after.starts_with('"') && !is_word
}

/// Length of a character literal, or 1 for a lifetime.
fn char_len(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    let (_, first) = chars.next().unwrap_or_default();
    if first == '\\' {
        return 2 + text[2..].find('\'').map_or(0, |end| end.max(1) + 1);
    }
    match chars.next() {
        Some((at, '\'')) => at + 1,
        _ => 1,
    }
}

/// The name at the end of `code`: the last part of a path, with the `!` of a macro.
fn name_before(code: &str) -> String {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '!');
    let start = code.rfind(|c| !is_name(c)).map_or(0, |at| at + 1);
    code[start..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::literals;

    fn read(source: &str) -> Vec<(String, Vec<String>, String)> {
        let found = literals(source).into_iter();
        found.map(|it| (it.text, it.around, it.rest)).collect()
    }

    #[test]
    fn literals_have_names_of_brackets_around() {
        let source = r#"
            // "a comment"
            fn f<'a>(x: &'a str) { tracing::warn!(x = '"', "first {} \
                second", g(x)); s.expect("why"); r@"raw "text""@ }
        "#
        .replace('@', "#");
        let found = read(&source);
        let texts: Vec<_> = found.iter().map(|(text, ..)| text.as_str()).collect();
        assert_eq!(texts, ["first {} second", "why", "raw \"text\""]);
        assert_eq!(found[0].1.last().unwrap(), "warn!");
        assert_eq!(found[0].2, ", g(x))");
        assert_eq!(found[1].1.last().unwrap(), "expect");
    }
}
