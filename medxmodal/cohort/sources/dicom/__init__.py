"""DICOM as tables and pixels: files, folders, and DICOMweb servers."""
