// SPDX-License-Identifier: Apache-2.0
struct Shape {
	virtual ~Shape() {}
	virtual void draw(unsigned long depth) = 0;
};

/* In the shared library. */
void outline(Shape &shape, unsigned long depth);
