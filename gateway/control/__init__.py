"""What the control process does, without HTTP.

In the order data takes:

- `reports`  the channel on which workers and shadow processes send their cumulative totals
"""

from gateway.control.reports import (
    CounterRow,
    HistogramRow,
    Report,
    ReportSender,
    ReportServer,
    gauge_key,
    incarnation,
)

__all__ = ["CounterRow", "HistogramRow", "Report", "ReportSender", "ReportServer", "gauge_key", "incarnation"]
