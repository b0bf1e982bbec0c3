"""A web service that computes figures of numbers: `python figures.py` prints its port."""

import numpy
from flask import Flask, jsonify, request
from werkzeug.serving import make_server

app = Flask(__name__)


@app.get("/figures")
def figures():
    try:
        values = numpy.array([float(text) for text in request.args["values"].split(",")])
    except ValueError:
        return jsonify(error="`values` are numbers, separated by commas"), 400
    return jsonify(mean=float(values.mean()), deviation=float(values.std()), largest=float(values.max()))


if __name__ == "__main__":
    server = make_server("127.0.0.1", 0, app)
    print(server.port, flush=True)
    server.serve_forever()
