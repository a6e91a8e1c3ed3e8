# SPDX-License-Identifier: Apache-2.0
"""Draws a small directed graph as inline SVG: nodes in layers from top to bottom, edges with a badge each.

The classical steps: turn edges that lead back round, give each node a layer, put a bend where an edge passes a layer, order
each layer by where its neighbours are, then place. Graphs here have at most a few dozen nodes; graphviz would be
a dependency for what fits on a page.
"""
import html

LETTER = 8.1            # width of one letter of the node's font
BADGE_LETTER = 7.0
NODE_HEIGHT = 34
LAYER_GAP = 66
NODE_GAP = 30
MARGIN = 14
LOOP = 34               # how far a loop reaches out of its node
SWEEPS = 12
BEND = 0.45             # how far the curve of an edge goes straight on
BADGE_HEIGHT = 16


class Node:
    def __init__(self, name, label, kind):
        self.name, self.label, self.kind = name, label, kind
        self.layer, self.x, self.loop = 0, 0.0, 0
        self.width = {"state": max(64, len(label) * LETTER + 26), "bend": 10}.get(kind, 18)
        self.height = {"state": NODE_HEIGHT, "bend": 0}.get(kind, 18)


class Edge:
    def __init__(self, source, target, label):
        self.source, self.target, self.label = source, target, label
        self.turned = False
        self.chain = []


class Drawing:
    """nodes: (name, label, kind) with kind state, start or end; edges: (source, target, badge)."""

    def __init__(self, nodes, edges):
        self.nodes = {name: Node(name, label, kind) for name, label, kind in nodes}
        self.edges = [Edge(source, target, label) for source, target, label in edges]
        self.turn_back_edges()
        self.give_layers()
        self.add_bends()
        self.order()
        self.place()

    def lines(self):
        return [edge for edge in self.edges if edge.source != edge.target]

    def turn_back_edges(self):
        """The order in which the nodes were given is that of a life: an edge to an earlier one leads back."""
        place = {name: index for index, name in enumerate(self.nodes)}
        for edge in self.lines():
            edge.turned = place[edge.source] > place[edge.target]
        for edge in self.edges:
            if edge.source == edge.target:
                self.nodes[edge.source].loop = LOOP

    @staticmethod
    def ends(edge):
        return (edge.target, edge.source) if edge.turned else (edge.source, edge.target)

    def give_layers(self):
        for _ in self.nodes:
            for upper, lower in map(self.ends, self.lines()):
                self.nodes[lower].layer = max(self.nodes[lower].layer, self.nodes[upper].layer + 1)

    def add_bends(self):
        for number, edge in enumerate(self.lines()):
            upper, lower = self.ends(edge)
            edge.chain = [upper]
            for layer in range(self.nodes[upper].layer + 1, self.nodes[lower].layer):
                bend = Node(f"bend {number} {layer}", "", "bend")
                bend.layer = layer
                self.nodes[bend.name] = bend
                edge.chain.append(bend.name)
            edge.chain.append(lower)
        self.layers = [[] for _ in range(1 + max(node.layer for node in self.nodes.values()))]
        for node in self.nodes.values():
            self.layers[node.layer].append(node)

    def neighbours(self, node, step):
        """The nodes of the layer above (-1) or below (+1) that it is joined to."""
        for edge in self.lines():
            if node.name in edge.chain:
                index = edge.chain.index(node.name) + step
                if 0 <= index < len(edge.chain):
                    yield self.nodes[edge.chain[index]]

    def order(self):
        for sweep in range(SWEEPS):
            step = -1 if sweep % 2 == 0 else 1
            for layer in self.layers[::-step]:
                place = {node.name: index for other in self.layers for index, node in enumerate(other)}

                def weight(node, place=place, step=step):
                    near = [place[n.name] for n in self.neighbours(node, step)]
                    return sum(near) / len(near) if near else place[node.name]
                layer.sort(key=weight)

    def place(self):
        for layer in self.layers:
            x = 0.0
            for node in layer:
                node.x = x + node.width / 2
                x += node.width + NODE_GAP
        for sweep in range(SWEEPS * 2):
            step = -1 if sweep % 2 == 0 else 1
            for layer in self.layers[::-step]:
                self.settle(layer, step)
        left = min(node.x - node.width / 2 for node in self.nodes.values()) - MARGIN
        for node in self.nodes.values():
            node.x -= left
        self.width = max(node.x + node.width / 2 + node.loop for node in self.nodes.values()) + MARGIN
        self.height = len(self.layers) * (NODE_HEIGHT + LAYER_GAP) - LAYER_GAP + 2 * MARGIN

    def settle(self, layer, step):
        """Each node where its neighbours are, as far as the others of its layer leave room."""
        wishes = []
        for node in layer:
            near = [n.x for n in self.neighbours(node, step)] or [node.x]
            wishes.append(sum(near) / len(near))
        for index, node in enumerate(layer):
            before = layer[index - 1]
            least = before.x + (before.width + node.width) / 2 + before.loop + NODE_GAP
            node.x = max(wishes[index], least) if index else wishes[0]
        shift = sum(wish - node.x for wish, node in zip(wishes, layer)) / len(layer)
        for node in layer:
            node.x += shift

    # ---- SVG

    def y(self, node):
        return MARGIN + node.layer * (NODE_HEIGHT + LAYER_GAP) + NODE_HEIGHT / 2

    def port(self, node, edge, below):
        """Where an edge leaves or enters a node: side by side, in the order of the other ends."""
        if node.kind == "bend":
            return node.x
        step = 1 if below else -1
        others = []
        for other in self.lines():
            if node.name in (other.chain[0] if below else other.chain[-1],):
                far = self.nodes[other.chain[step if below else -2]]
                others.append((far.x, other.turned, self.edges.index(other), other))
        others.sort(key=lambda entry: entry[:3])
        index = [entry[3] for entry in others].index(edge)
        room = min(26.0, (node.width - 16) / max(1, len(others)))
        return node.x + (index - (len(others) - 1) / 2) * room

    def points(self, edge):
        """The points of an edge from its upper to its lower end."""
        points = []
        for index, name in enumerate(edge.chain):
            node = self.nodes[name]
            if index == 0:
                points.append((self.port(node, edge, True), self.y(node) + node.height / 2))
            elif index == len(edge.chain) - 1:
                points.append((self.port(node, edge, False), self.y(node) - node.height / 2))
            else:
                points += [(node.x, self.y(node) - NODE_HEIGHT / 2), (node.x, self.y(node) + NODE_HEIGHT / 2)]
        return points

    def edge_svg(self, edge, badges):
        points = self.points(edge)
        if edge.turned:
            points.reverse()
        path = f"M{points[0][0]:.1f},{points[0][1]:.1f}"
        for (x0, y0), (x1, y1) in zip(points, points[1:]):
            bend = (y1 - y0) * BEND
            path += f"C{x0:.1f},{y0 + bend:.1f} {x1:.1f},{y1 - bend:.1f} {x1:.1f},{y1:.1f}"
        middle = (len(points) // 2) - 1
        badge = free_place(points[middle], points[middle + 1], edge.label, badges)
        return f'<path class="edge" d="{path}" marker-end="url(#arrow)"/>', badge

    def loop_svg(self, edge, badges):
        node = self.nodes[edge.source]
        x, y = node.x + node.width / 2, self.y(node)
        path = f"M{x:.1f},{y - 8:.1f}C{x + LOOP:.1f},{y - 20:.1f} {x + LOOP:.1f},{y + 20:.1f} {x:.1f},{y + 8:.1f}"
        badges.append((x + LOOP * 0.75, y, badge_width(edge.label)))
        badge = badge_svg(x + LOOP * 0.75, y, edge.label) if edge.label else ""
        return f'<path class="edge" d="{path}" marker-end="url(#arrow)"/>', badge

    def node_svg(self, node):
        y = self.y(node)
        if node.kind == "start":
            return f'<circle class="start" cx="{node.x:.1f}" cy="{y:.1f}" r="8"/>'
        if node.kind == "end":
            return (f'<circle class="end" cx="{node.x:.1f}" cy="{y:.1f}" r="9"/>'
                    f'<circle class="start" cx="{node.x:.1f}" cy="{y:.1f}" r="5"/>')
        return (f'<rect class="state" x="{node.x - node.width / 2:.1f}" y="{y - NODE_HEIGHT / 2:.1f}" '
                f'width="{node.width:.1f}" height="{NODE_HEIGHT}" rx="9"/>'
                f'<text class="name" x="{node.x:.1f}" y="{y + 5:.1f}">{html.escape(node.label)}</text>')

    def svg(self, title):
        badges = []
        drawn = [self.loop_svg(edge, badges) if edge.source == edge.target else self.edge_svg(edge, badges)
                 for edge in self.edges]
        parts = [path for path, _ in drawn]
        parts += [self.node_svg(node) for node in self.nodes.values() if node.kind != "bend"]
        parts += [badge for _, badge in drawn]
        left = min([0.0, *(x - width / 2 - MARGIN for x, _, width in badges)])
        right = max([self.width, *(x + width / 2 + MARGIN for x, _, width in badges)])
        return svg(right - left, self.height, title, parts, left)


def badge_width(label):
    return len(label) * BADGE_LETTER + 10


def free_place(start, end, label, badges):
    """The badge of an edge, on its curve where no other badge is; `badges` are the places taken."""
    if not label:
        return ""
    (x0, y0), (x1, y1) = start, end
    for t in (0.5, 0.4, 0.6, 0.32, 0.68, 0.25, 0.75):
        s = 1 - t
        x = (s ** 3 + 3 * s * s * t) * x0 + (3 * s * t * t + t ** 3) * x1
        bend = (y1 - y0) * BEND
        y = s ** 3 * y0 + 3 * s * s * t * (y0 + bend) + 3 * s * t * t * (y1 - bend) + t ** 3 * y1
        if all(abs(x - bx) > (badge_width(label) + width) / 2 or abs(y - by) > BADGE_HEIGHT for bx, by, width in badges):
            break
    badges.append((x, y, badge_width(label)))
    return badge_svg(x, y, label)


def badge_svg(x, y, label):
    width = badge_width(label)
    return (f'<rect class="badge" x="{x - width / 2:.1f}" y="{y - BADGE_HEIGHT / 2:.1f}" width="{width:.1f}" '
            f'height="{BADGE_HEIGHT}" rx="8"/>'
            f'<text class="number" x="{x:.1f}" y="{y + 4:.1f}">{html.escape(label)}</text>')


def svg(width, height, title, parts, left=0.0):
    return (f'<div class="picture"><svg viewBox="{left:.0f} 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
            f'height="{height:.0f}" role="img" aria-label="{html.escape(title)}">\n' + "\n".join(parts) + "\n</svg></div>\n")
