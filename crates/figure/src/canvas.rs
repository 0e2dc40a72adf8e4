//! What a figure is made of: a list of shapes in points from the top left, written as SVG by hand,
//! and as PNG by plotters at twice the size, so that it is sharp.

use maud::html;
use plotters::element::DashedPathElement;
use plotters::prelude::{
    BitMapBackend, Color, FontDesc, FontFamily, FontStyle, FontTransform, IntoDrawingArea,
    PathElement, Polygon, RGBColor, Rectangle, TextStyle, WHITE,
};
use plotters::style::register_font;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::path::Path;
use std::sync::Once;

/// A place on a figure in points: right and down from the top left.
pub(crate) type Place = (f64, f64);

/// Dash and gap of a line in points; `None` for a solid one.
pub(crate) type Dash = Option<(f64, f64)>;

/// Pixels in a point of a PNG.
const SCALE: f64 = 2.0;

/// Which part of words stands at their place.
#[derive(Debug, Clone, Copy)]
enum Anchor {
    Start,
    Middle,
    End,
}

/// How words look.
#[derive(Debug, Clone, Copy)]
pub struct Font {
    points: f64,
    color: RGBColor,
    bold: bool,
    anchor: Anchor,
    /// Whether they run upwards.
    upright: bool,
}

/// Words of `points`, whose place is their left end and the middle of their height.
pub(crate) fn font(points: f64, color: RGBColor) -> Font {
    Font { points, color, bold: false, anchor: Anchor::Start, upright: false }
}

impl Font {
    /// The same, in bold.
    pub fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    /// The same, centred on its place.
    pub fn centred(self) -> Self {
        Self { anchor: Anchor::Middle, ..self }
    }

    /// The same, ending at its place.
    pub fn to_the_right(self) -> Self {
        Self { anchor: Anchor::End, ..self }
    }

    /// The same, turned upwards about its place.
    pub fn upright(self) -> Self {
        Self { upright: true, ..self }
    }

    /// About how wide `words` are, in points.
    pub fn width(self, words: &str) -> f64 {
        0.6 * self.points * words.chars().count() as f64
    }
}

#[derive(Debug)]
enum Shape {
    Line { points: Vec<Place>, color: RGBColor, width: f64, dash: Dash },
    Area { points: Vec<Place>, color: RGBColor, opacity: f64, edge: Option<(RGBColor, f64)> },
    Boxes { corners: Vec<[Place; 2]>, color: RGBColor },
    Text { words: String, at: Place, font: Font },
}

/// A drawing in the making; what comes later lies on top.
#[derive(Debug)]
pub struct Canvas {
    width: f64,
    height: f64,
    shapes: Vec<Shape>,
}

impl Canvas {
    /// An empty canvas of a width and height in points.
    pub fn new(width: f64, height: f64) -> Self {
        Self { width, height, shapes: Vec::new() }
    }

    /// A solid line through `points`.
    pub fn line(&mut self, points: &[Place], color: RGBColor, width: f64) {
        self.dashed(points, color, width, None);
    }

    /// A line through `points` with dashes and gaps of these lengths.
    pub fn dashed(&mut self, points: &[Place], color: RGBColor, width: f64, dash: Dash) {
        if points.len() > 1 {
            self.shapes.push(Shape::Line { points: points.to_vec(), color, width, dash });
        }
    }

    /// A filled polygon.
    pub fn area(&mut self, points: Vec<Place>, color: RGBColor, opacity: f64) {
        self.shapes.push(Shape::Area { points, color, opacity, edge: None });
    }

    /// A filled polygon with an edge of a colour and width.
    pub fn edged(&mut self, points: Vec<Place>, color: RGBColor, edge: (RGBColor, f64)) {
        self.shapes.push(Shape::Area { points, color, opacity: 1.0, edge: Some(edge) });
    }

    /// A filled rectangle from its top left to its bottom right.
    pub fn rectangle(&mut self, [from, to]: [Place; 2], color: RGBColor) {
        self.area(vec![from, (to.0, from.1), to, (from.0, to.1)], color, 1.0);
    }

    /// Many filled rectangles of one colour, each from its top left to its bottom right.
    pub fn boxes(&mut self, corners: Vec<[Place; 2]>, color: RGBColor) {
        self.shapes.push(Shape::Boxes { corners, color });
    }

    /// Words in one line.
    pub fn text(&mut self, words: &str, at: Place, font: Font) {
        if !words.is_empty() {
            self.shapes.push(Shape::Text { words: words.to_owned(), at, font });
        }
    }

    /// The whole SVG document, named for screen readers.
    pub fn svg(&self, title: &str) -> String {
        let (width, height) = (self.width, self.height);
        let title = html! { (title) }.into_string();
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-label=\"{title}\" \
             width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
             font-family=\"sans-serif\">\n<title>{title}</title>\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#FFFFFF\"/>\n"
        );
        for shape in &self.shapes {
            svg.push_str(&shape.svg());
        }
        svg + "</svg>\n"
    }

    /// Writes the drawing as a PNG.
    ///
    /// # Errors
    /// plotters' own words.
    pub fn write_png(&self, path: &Path) -> Result<(), String> {
        register_fonts();
        let size = [self.width, self.height].map(|length| (SCALE * length).round() as u32);
        let area = BitMapBackend::new(path, (size[0], size[1])).into_drawing_area();
        let pixel = |&(x, y): &Place| ((SCALE * x).round() as i32, (SCALE * y).round() as i32);
        let pixels = |points: &[Place]| points.iter().map(pixel).collect::<Vec<_>>();
        let draw = || {
            area.fill(&WHITE)?;
            for shape in &self.shapes {
                match shape {
                    Shape::Line { points, color, width, dash } => {
                        let style = color.stroke_width((SCALE * width).round() as u32);
                        match dash
                            .map(|(dash, gap)| [dash, gap].map(|length| (SCALE * length) as u32))
                        {
                            None => area.draw(&PathElement::new(pixels(points), style))?,
                            Some([dash, gap]) => {
                                let points = pixels(points).into_iter();
                                area.draw(&DashedPathElement::new(points, dash, gap, style))?;
                            }
                        }
                    }
                    Shape::Area { points, color, opacity, edge } => {
                        let mut corners = pixels(points);
                        area.draw(&Polygon::new(corners.clone(), color.mix(*opacity).filled()))?;
                        if let Some((color, width)) = edge {
                            corners.push(corners[0]);
                            let style = color.stroke_width((SCALE * width).round() as u32);
                            area.draw(&PathElement::new(corners, style))?;
                        }
                    }
                    Shape::Boxes { corners, color } => {
                        for [from, to] in corners {
                            let corners = [pixel(from), pixel(to)];
                            area.draw(&Rectangle::new(corners, color.filled()))?;
                        }
                    }
                    Shape::Text { words, at, font } => {
                        area.draw_text(words, &font.style(), pixel(at))?;
                    }
                }
            }
            area.present()
        };
        draw().map_err(|error| error.to_string())
    }
}

impl Shape {
    /// Its SVG element, in lines of its own.
    fn svg(&self) -> String {
        let hex = |RGBColor(r, g, b): &RGBColor| format!("#{r:02X}{g:02X}{b:02X}");
        let path = |points: &[Place]| {
            let points = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}"));
            points.collect::<Vec<_>>().join(" ")
        };
        match self {
            Self::Line { points, color, width, dash } => {
                let dash = dash.map(|(dash, gap)| format!(" stroke-dasharray=\"{dash} {gap}\""));
                format!(
                    "<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"{width}\"{} points=\"{}\"/>\n",
                    hex(color),
                    dash.unwrap_or_default(),
                    path(points)
                )
            }
            Self::Area { points, color, opacity, edge } => {
                let edge = edge.map(|(color, width)| {
                    format!(" stroke=\"{}\" stroke-width=\"{width}\"", hex(&color))
                });
                format!(
                    "<polygon fill=\"{}\" fill-opacity=\"{opacity}\"{} points=\"{}\"/>\n",
                    hex(color),
                    edge.unwrap_or_default(),
                    path(points)
                )
            }
            Self::Boxes { corners, color } => {
                let mut d = String::new();
                for [(left, top), (right, bottom)] in corners {
                    // Rounded before they are subtracted, so that neighbours meet.
                    let [left, top, right, bottom] =
                        [left, top, right, bottom].map(|length| (10.0 * length).round() / 10.0);
                    let (width, height) = (right - left, bottom - top);
                    d.push_str(&format!("M{left:.1} {top:.1}h{width:.1}v{height:.1}h-{width:.1}z"));
                }
                // Without crisp edges a browser shows the paper between neighbours.
                format!(
                    "<path shape-rendering=\"crispEdges\" fill=\"{}\" d=\"{d}\"/>\n",
                    hex(color)
                )
            }
            Self::Text { words, at: (x, y), font } => {
                let anchor = ["start", "middle", "end"][font.anchor as usize];
                let turned = format!(" transform=\"rotate(-90 {x:.1} {y:.1})\"");
                let turned = if font.upright { turned.as_str() } else { "" };
                format!(
                    "<text x=\"{x:.1}\" y=\"{y:.1}\" dy=\"0.35em\" font-size=\"{}\" \
                     font-weight=\"{}\" text-anchor=\"{anchor}\" fill=\"{}\"{turned}>\n{}\n</text>\n",
                    font.points,
                    if font.bold { "bold" } else { "normal" },
                    hex(&font.color),
                    html! { (words) }.into_string()
                )
            }
        }
    }
}

impl Font {
    /// The same in plotters' words, for a PNG.
    fn style(self) -> TextStyle<'static> {
        // plotters takes a line's height for the size of a font: 1.24 em.
        let size = self.points * 1.24 * SCALE;
        let style = if self.bold { FontStyle::Bold } else { FontStyle::Normal };
        let turn = if self.upright { FontTransform::Rotate270 } else { FontTransform::None };
        let anchor = [HPos::Left, HPos::Center, HPos::Right][self.anchor as usize];
        TextStyle {
            font: FontDesc::new(FontFamily::SansSerif, size, style).transform(turn),
            color: self.color.to_backend_color(),
            pos: Pos::new(anchor, VPos::Center),
        }
    }
}

/// Makes "sans-serif" DejaVu Sans in PNGs, so that they need no font on the machine. SVGs name the
/// family and leave the font to the reader's machine.
fn register_fonts() {
    static REGISTERED: Once = Once::new();
    let faces: [(FontStyle, &'static [u8]); 2] = [
        (FontStyle::Normal, include_bytes!("../fonts/DejaVuSans-subset.ttf")),
        (FontStyle::Bold, include_bytes!("../fonts/DejaVuSans-Bold-subset.ttf")),
    ];
    REGISTERED.call_once(|| {
        for (style, bytes) in faces {
            // The bytes are part of the program: they are a font, or no test here passes.
            let _ = register_font("sans-serif", style, bytes);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_meet_and_words_are_escaped() {
        let mut canvas = Canvas::new(10.0, 20.0);
        let corners = [0.0, 1.04, 2.08].map(|x| [(x, 2.0), (x + 1.04, 4.0)]);
        canvas.boxes(corners.to_vec(), RGBColor(255, 0, 0));
        canvas.text("a<b", (1.0, 2.0), font(10.0, RGBColor(0, 0, 0)));
        let svg = canvas.svg("\"t\"");
        let path = "fill=\"#FF0000\" d=\"M0.0 2.0h1.0v2.0h-1.0zM1.0 2.0h1.1v2.0h-1.1z\
                    M2.1 2.0h1.0v2.0h-1.0z\"";
        assert!(svg.contains(path), "{svg}");
        assert!(svg.contains(">\na&lt;b\n</text>") && svg.contains("aria-label=\"&quot;t&quot;\""));
    }
}
