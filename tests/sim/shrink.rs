//! Shrinking: removal of the operations that a world does not need to fail.

/// Most worlds of one shrinking: it must end within a minute or two.
pub(crate) const TRIES_MAX: usize = 120;

/// The numbers of the operations, out of `count`, that suffice for `fails`; when the tries run out,
/// the smallest set found. It fails with all of them.
///
/// Delta debugging: halves first, then quarters, down to single ones.
pub(crate) fn shrink(count: usize, mut fails: impl FnMut(&[usize]) -> bool) -> Vec<usize> {
    let mut kept: Vec<usize> = (0..count).collect();
    let mut tries = 0;
    let mut pieces = 2;
    while !kept.is_empty() && tries < TRIES_MAX {
        let size = kept.len().div_ceil(pieces);
        let mut smaller = None;
        for from in (0..kept.len()).step_by(size) {
            if tries >= TRIES_MAX {
                break;
            }
            let upto = (from + size).min(kept.len());
            let without = [&kept[..from], &kept[upto..]].concat();
            tries += 1;
            if fails(&without) {
                smaller = Some(without);
                break;
            }
        }
        match smaller {
            Some(without) => {
                kept = without;
                pieces = pieces.saturating_sub(1).max(2);
            }
            None if size <= 1 => break,
            None => pieces = (pieces * 2).min(kept.len()),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shrinking_removes_irrelevant_operations() {
        let needed = [3, 11];
        let kept = shrink(20, |kept| needed.iter().all(|it| kept.contains(it)));
        assert_eq!(kept, needed);
    }

    #[test]
    fn world_failing_by_itself_needs_no_operation() {
        assert!(shrink(9, |_| true).is_empty());
    }

    #[test]
    fn fully_needed_operations_all_stay() {
        let all: Vec<_> = (0..7).collect();
        assert_eq!(shrink(7, |kept| kept.len() == 7), all);
    }

    #[test]
    fn number_of_tries_is_bounded() {
        let mut tries = 0;
        shrink(10_000, |kept| {
            tries += 1;
            kept.len().is_multiple_of(2)
        });
        assert!(tries <= TRIES_MAX, "{tries}");
    }
}
