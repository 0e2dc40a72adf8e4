//! A page in the browser on which slices are drawn, and the small server behind it.
