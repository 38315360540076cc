//! The colours of the view: those of the site where the terminal can show them, and none of which anything depends on.

use ratatui::style::{Color, Modifier, Style};

use crate::show::view::places::Side;

/// The styles.
#[derive(Debug, Clone, Copy)]
pub struct Theme {
    /// What is the server's.
    pub server: Style,
    /// What is the client's.
    pub client: Style,
    /// What is on the wire.
    pub wire: Style,
    /// What matters less, and what is yet to come.
    pub soft: Style,
    /// The row that is looked at: where it is known what lies behind it.
    pub current: Style,
    /// A heading.
    pub heading: Style,
    /// A key that can be pressed.
    pub key: Style,
    /// The bar at the top.
    pub bar: Style,
    /// What a program may colour itself.
    pub has_colours: bool,
}

impl Theme {
    /// As the environment asks for it: `NO_COLOR`, `COLORTERM`, `TERM`, and `COLORFGBG`, which tells a light terminal from
    /// a dark one.
    #[must_use]
    pub fn of_environment() -> Self {
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        if !variable("NO_COLOR").is_empty() {
            return Self::without();
        }
        let background = variable("COLORFGBG").rsplit(';').next().and_then(|number| number.parse().ok());
        let is_light = background.map(|colour: u8| colour == 7 || colour > 8);
        if matches!(variable("COLORTERM").as_str(), "truecolor" | "24bit") {
            return Self::full(is_light);
        }
        if variable("TERM").contains("256color") {
            // Readable on black and on white.
            return Self::of(Color::Indexed(166), Color::Indexed(32), Color::Indexed(98));
        }
        let client = if is_light == Some(true) { Color::Blue } else { Color::Cyan };
        Self::of(Color::Red, client, Color::Magenta)
    }

    fn full(is_light: Option<bool>) -> Self {
        match is_light {
            Some(true) => {
                let theme = Self::of(rgb(0x97_40_0f), rgb(0x17_5a_90), rgb(0x5f_43_90));
                let (soft, current) = (rgb(0x5a_60_69), rgb(0xf4_ec_d2));
                Self { soft: Style::new().fg(soft), current: Style::new().bg(current), ..theme }
            }
            Some(false) => {
                let theme = Self::of(rgb(0xf0_a5_78), rgb(0x86_bf_f2), rgb(0xc2_ab_f0));
                let (soft, current) = (rgb(0xa5_a6_9f), rgb(0x32_2d_1c));
                Self { soft: Style::new().fg(soft), current: Style::new().bg(current), ..theme }
            }
            // Nobody told: these are readable on both.
            None => Self::of(rgb(0xc8_69_2f), rgb(0x3b_82_c4), rgb(0x94_70_d0)),
        }
    }

    fn of(server: Color, client: Color, wire: Color) -> Self {
        Self {
            server: Style::new().fg(server),
            client: Style::new().fg(client),
            wire: Style::new().fg(wire),
            has_colours: true,
            ..Self::without()
        }
    }

    fn without() -> Self {
        let plain = Style::new();
        Self {
            server: plain,
            client: plain,
            wire: plain,
            soft: plain.add_modifier(Modifier::DIM),
            current: plain,
            heading: plain.add_modifier(Modifier::BOLD),
            key: plain.add_modifier(Modifier::BOLD),
            bar: plain.add_modifier(Modifier::REVERSED),
            has_colours: false,
        }
    }

    /// The style of a side.
    #[must_use]
    pub fn side(&self, side: Side) -> Style {
        match side {
            Side::Left => self.server,
            Side::Right => self.client,
        }
    }
}

fn rgb(colour: u32) -> Color {
    let [_, red, green, blue] = colour.to_be_bytes();
    Color::Rgb(red, green, blue)
}
