//! Smaller SVG: neighbouring filled rectangles of one colour become one path.
//!
//! [`super::raster`] draws a slice of a scan as thousands of rectangles, of which plotters writes
//! about 100 bytes each. Here a rectangle takes a fifth of that. Only what stands next to each
//! other is joined, so nothing changes its place in the drawing order.

/// Fewer rectangles than this stay as they are.
const FEWEST: usize = 4;

/// `svg` as plotters writes it, one element a line.
pub(super) fn join_rectangles(svg: &str) -> String {
    let mut joined = String::with_capacity(svg.len());
    let mut waiting: Vec<(&str, Rectangle)> = Vec::new();
    for line in svg.split_inclusive('\n') {
        let rectangle = Rectangle::read(line);
        let goes_on = match (waiting.first(), &rectangle) {
            (Some((_, first)), Some(next)) => first.fill == next.fill,
            _ => false,
        };
        if !goes_on {
            flush(&mut joined, &mut waiting);
        }
        match rectangle {
            Some(rectangle) => waiting.push((line, rectangle)),
            None => joined.push_str(line),
        }
    }
    flush(&mut joined, &mut waiting);
    joined
}

fn flush(joined: &mut String, waiting: &mut Vec<(&str, Rectangle)>) {
    if waiting.len() < FEWEST {
        joined.extend(waiting.drain(..).map(|(line, _)| line));
        return;
    }
    let fill = waiting[0].1.fill;
    // Without crisp edges a browser shows the paper between neighbours.
    joined.push_str(&format!(
        "<path shape-rendering=\"crispEdges\" fill=\"{fill}\" d=\""
    ));
    for (_, Rectangle { place, size, .. }) in waiting.drain(..) {
        let ([x, y], [width, height]) = (place, size);
        joined.push_str(&format!("M{x} {y}h{width}v{height}h-{width}z"));
    }
    joined.push_str("\"/>\n");
}

/// An opaque filled rectangle.
struct Rectangle<'a> {
    place: [u32; 2],
    size: [u32; 2],
    fill: &'a str,
}

impl<'a> Rectangle<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let attributes = line.strip_prefix("<rect ")?;
        let value = |name: &str| {
            let start = attributes.find(&format!("{name}=\""))? + name.len() + 2;
            attributes[start..].split('"').next()
        };
        let number = |name| value(name)?.parse().ok();
        let plain = value("opacity") == Some("1") && value("stroke") == Some("none");
        plain.then_some(())?;
        Some(Self {
            place: [number("x")?, number("y")?],
            size: [number("width")?, number("height")?],
            fill: value("fill")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rectangle(x: u32, fill: &str, opacity: f64) -> String {
        format!(
            "<rect x=\"{x}\" y=\"2\" width=\"3\" height=\"4\" opacity=\"{opacity}\" \
             fill=\"{fill}\" stroke=\"none\"/>\n"
        )
    }

    #[test]
    fn neighbours_of_one_colour_become_one_path() {
        let text = "<text>\n<rect\n</text>\n";
        let reds: String = (0..4).map(|x| rectangle(x, "#FF0000", 1.0)).collect();
        let few: String = (0..3).map(|x| rectangle(x, "#00FF00", 1.0)).collect();
        let glass: String = (0..4).map(|x| rectangle(x, "#0000FF", 0.5)).collect();
        let svg = format!("{text}{reds}{few}{glass}{text}");
        let path = "<path shape-rendering=\"crispEdges\" fill=\"#FF0000\" \
                    d=\"M0 2h3v4h-3zM1 2h3v4h-3zM2 2h3v4h-3zM3 2h3v4h-3z\"/>\n";
        assert_eq!(
            join_rectangles(&svg),
            format!("{text}{path}{few}{glass}{text}")
        );
    }
}
