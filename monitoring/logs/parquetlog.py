"""A log in Parquet, read by pyarrow: an optional package, loaded when such a file is named."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from monitoring.logs.chunk import CHUNK_ROWS, Chunk, Progress
from monitoring.logs.problems import LogRefused, Problems


class ParquetLog:
    """Reads a Parquet log; rows are numbered from 1."""

    unit = "row"

    def __init__(self, path: Path) -> None:
        try:
            import pyarrow as pa  # noqa: PLC0415 - optional, and slow to load
            import pyarrow.parquet as pq  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise LogRefused(path, "reading Parquet needs pyarrow; install seamark[parquet]") from error
        self.path = path
        self._broken = (pa.ArrowException, OSError)
        self._timestamp = pa.types.is_timestamp
        try:
            self._file: Any = pq.ParquetFile(path)
        except self._broken as error:
            raise LogRefused(path, "is not a whole Parquet file; copy it again") from error
        self.names = tuple(self._file.schema_arrow.names)

    def chunks(
        self,
        columns: dict[str, str],
        problems: Problems,  # noqa: ARG002 - as the other formats: all rows of Parquet are of one width
        progress: Progress | None,
    ) -> Iterator[Chunk]:
        """Yield all rows."""
        total, done = self._file.metadata.num_rows, 0
        try:
            for batch in self._file.iter_batches(CHUNK_ROWS, columns=sorted(set(columns.values()))):
                cells = {role: self._values(batch.column(name)) for role, name in columns.items()}
                lines = range(done + 1, done + batch.num_rows + 1)
                done += batch.num_rows
                if progress is not None:
                    progress("read", done, total)
                yield Chunk(lines, cells)
        except self._broken as error:
            raise LogRefused(self.path, f"is damaged after row {done}; copy it again") from error

    def _values(self, column: Any) -> list[Any]:
        """Return Python values; of a timestamp, whatever its unit and zone, nanoseconds since 1970."""
        if self._timestamp(column.type):
            import pyarrow as pa  # noqa: PLC0415

            column = column.cast(pa.timestamp("ns", column.type.tz)).cast(pa.int64())
        return list(column.to_pylist())
