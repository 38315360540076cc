//! Where the parts of the view stand in a window of this size.

use ratatui::layout::Rect;

use crate::show::view::state::Part;

/// From so many columns on the run stands between the terminals, as it does on the site; below, it stands under them.
const WIDE: u16 = 130;
/// From so many rows on the event is shown in full without a key.
const TALL: u16 = 40;

/// The parts. One without rows is not shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Areas {
    /// The bar at the top.
    pub bar: Rect,
    /// The words of the page.
    pub words: Rect,
    /// The terminals.
    pub left: Rect,
    /// The terminal at the right.
    pub right: Rect,
    /// The run.
    pub run: Rect,
    /// The event in a sentence.
    pub say: Rect,
    /// The event in full.
    pub detail: Rect,
    /// What the run waits for.
    pub status: Rect,
    /// The keys.
    pub keys: Rect,
}

impl Areas {
    /// Those of a window; `words`: there is a page.
    #[must_use]
    pub fn of(window: Rect, words: bool, part: Part) -> Self {
        let mut rest = window;
        let mut areas = Self { bar: take_top(&mut rest, 1), ..Self::default() };
        areas.keys = take_bottom(&mut rest, 1);
        areas.status = take_bottom(&mut rest, 1);
        match part {
            Part::Words => {
                areas.words = rest;
                return areas;
            }
            Part::Terminals => {
                // One above the other: as wide as they can be.
                let half = rest.height / 2;
                areas.left = take_top(&mut rest, half);
                areas.right = rest;
                return areas;
            }
            Part::Run => {
                areas.say = take_bottom(&mut rest, 2);
                areas.run = rest;
                return areas;
            }
            Part::All => {}
        }
        let is_tall = window.height >= TALL;
        if is_tall {
            areas.detail = take_bottom(&mut rest, (window.height / 4).min(14));
        } else {
            areas.say = take_bottom(&mut rest, 2);
        }
        if words {
            let share = if is_tall { window.height / 4 } else { window.height / 5 + 1 };
            areas.words = take_top(&mut rest, share);
        }
        if window.width >= WIDE {
            // The lanes need 80 columns; what is left is for the terminals.
            let lanes = (rest.width / 2).clamp(80, 104);
            let side = (rest.width - lanes) / 2;
            areas.left = Rect { width: side, ..rest };
            areas.run = Rect { x: rest.x + side, width: rest.width - 2 * side, ..rest };
            areas.right = Rect { x: areas.run.right(), width: side, ..rest };
        } else {
            let height = rest.height * 2 / 5;
            (areas.left, areas.right) = halves(take_top(&mut rest, height));
            areas.run = rest;
        }
        areas
    }
}

fn halves(area: Rect) -> (Rect, Rect) {
    let left = area.width / 2;
    (Rect { width: left, ..area }, Rect { x: area.x + left, width: area.width - left, ..area })
}

fn take_top(rest: &mut Rect, height: u16) -> Rect {
    let height = height.min(rest.height);
    let taken = Rect { height, ..*rest };
    rest.y += height;
    rest.height -= height;
    taken
}

fn take_bottom(rest: &mut Rect, height: u16) -> Rect {
    let height = height.min(rest.height);
    rest.height -= height;
    Rect { y: rest.y + rest.height, height, ..*rest }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_overlaps_and_nothing_is_outside() {
        for (width, height) in
            [(80, 24), (140, 45), (200, 60), (131, 20), (20, 5), (1, 1), (0, 0), (500, 200)]
        {
            for part in [Part::All, Part::Words, Part::Terminals, Part::Run] {
                let window = Rect::new(0, 0, width, height);
                let areas = Areas::of(window, true, part);
                let all = [
                    areas.bar,
                    areas.words,
                    areas.left,
                    areas.right,
                    areas.run,
                    areas.say,
                    areas.detail,
                    areas.status,
                    areas.keys,
                ];
                let area: u32 = all.iter().map(|area| u32::from(area.width) * u32::from(area.height)).sum();
                assert!(area <= u32::from(width) * u32::from(height), "{width}x{height} {part:?}: {areas:?}");
                for (place, one) in all.iter().enumerate() {
                    assert_eq!(window.intersection(*one).area(), one.area(), "{width}x{height} {part:?}");
                    for other in all.iter().skip(place + 1) {
                        assert_eq!(
                            one.intersection(*other).area(),
                            0,
                            "{width}x{height} {part:?}: {areas:?}"
                        );
                    }
                }
            }
        }
    }
}
